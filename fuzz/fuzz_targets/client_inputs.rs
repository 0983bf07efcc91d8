#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cpm::fuzzing::client_inputs(bytes, std::time::Instant::now()));
