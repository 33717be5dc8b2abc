//! What the machine has, as it is told to the orchestrators.

use super::{Variable, whole};
use crate::config::kind::Kind;
use crate::config::shapes::{MAX_TASKS, costs, devices, extra, models, software};

const SOFTWARE: Kind = Kind::Json {
    shape: "an object of versions by name",
    lenient: true,
};
const ARTIFACTS: Kind = Kind::Json {
    shape: "a list of objects with name, version, type and properties",
    lenient: true,
};
const DEVICES: Kind = Kind::Json {
    shape: "a list of objects with type, model, id and properties",
    lenient: true,
};
const EXTRA: Kind = Kind::Json {
    shape: "an object, of which each variable gives one value",
    lenient: false,
};
const COSTS: Kind = Kind::Json {
    shape: "an object of numbers from 0 by task name",
    lenient: true,
};

pub(super) const MACHINE: &[Variable] = table! {
    "CPU_CORES" "resources.cpu_cores" "4" whole(0, MAX_TASKS)
        => U32 |d, v| d.settings.resources.cpu_cores = v,
        "Cores, as told to the orchestrators.";
    "RAM_GB" "resources.ram_gb" "0" Kind::Number { min: 0 }
        => Number |d, v| d.settings.resources.ram_gb = v,
        "Memory in GiB, as told to the orchestrators; 0 tells nothing.";
    "GPU_MODEL" "resources.gpu.model" "(none)" Kind::Text
        => Text |d, v| d.gpu_model = Some(v),
        "Model of the graphics card.";
    "GPU_VRAM_GB" "resources.gpu.vram_gb" "0" whole(0, MAX_TASKS)
        => U32 |d, v| d.gpu_vram_gb = Some(v),
        "Memory of the graphics card in GiB; needs `GPU_MODEL`.";
    "GPU_ID" "resources.gpu.id" "0" Kind::Text
        => Text |d, v| d.gpu_id = Some(v),
        "Id of the graphics card; needs `GPU_MODEL`.";
    "WORKER_DEVICES" "resources.devices" "[]" DEVICES
        => Json devices,
        "Devices beyond the graphics card of `GPU_MODEL`; `type` is required.";
    "INSTALLED_SOFTWARE" "installed_software" "{}" SOFTWARE
        => Json software,
        "Software that tasks can count on.";
    "INSTALLED_MODELS" "installed_models" "[]" ARTIFACTS
        => Json models,
        "Models on this machine; `version` is `unknown` unless given.";
    "INSTALLED_ARTIFACTS" "installed_models" "[]" ARTIFACTS
        => Json models,
        "The newer name of the same; `INSTALLED_MODELS` wins.";
    "COST_PER_SKILL" "cost_per_skill" "{}" COSTS
        => Json costs,
        "Cost per second by task name.";
    "WORKER_EXTRA_*" "extra" "(none)" EXTRA
        => Json extra,
        "Whatever else dispatch rules may look at: `WORKER_EXTRA_REGION` gives `region`. JSON if it begins with `{` or `[`, else text.";
};
