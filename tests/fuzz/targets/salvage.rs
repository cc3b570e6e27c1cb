#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| etcd_inspect_fuzz::salvage(data));
