mod addresses;
mod answers;
mod lookups;
mod proxies;
mod rules;
mod support;
