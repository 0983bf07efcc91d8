#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cpm::fuzzing::sip_to_bytes_and_back(bytes));
