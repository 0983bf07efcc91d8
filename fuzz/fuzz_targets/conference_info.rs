#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cpm::fuzzing::conference_info(bytes));
