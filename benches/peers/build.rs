//! Builds the bridge to the C stacks that are installed; what is not there is left out of the table.

fn main() {
    println!("cargo:rerun-if-changed=c/peers.c");
    println!("cargo:rustc-check-cfg=cfg(osip, sofia)");
    let mut bridge = cc::Build::new();
    bridge.file("c/peers.c").opt_level(2).warnings(false);
    let mut any = false;
    for (library, package, define, cfg) in [
        ("libosip2", "libosip2-dev", "WITH_OSIP", "osip"),
        ("sofia-sip-ua", "libsofia-sip-ua-dev", "WITH_SOFIA", "sofia"),
    ] {
        match pkg_config::probe_library(library) {
            Ok(found) => {
                any = true;
                bridge.includes(&found.include_paths).define(define, None);
                println!("cargo:rustc-cfg={cfg}");
            }
            Err(_) => println!("cargo:warning={library} is not here (Debian: {package}): left out"),
        }
    }
    if any {
        bridge.compile("peers");
    }
}
