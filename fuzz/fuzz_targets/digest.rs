#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cpm::fuzzing::digest(bytes, std::time::Instant::now()));
