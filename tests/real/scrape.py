"""Reads OpenMetrics text from standard input with the published parser, and prints its
samples as JSON: a list of [name, labels, value]. What is not OpenMetrics is an error."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

samples = [
    [sample.name, sample.labels, sample.value]
    for family in text_string_to_metric_families(sys.stdin.read())
    for sample in family.samples
]
json.dump(samples, sys.stdout)
