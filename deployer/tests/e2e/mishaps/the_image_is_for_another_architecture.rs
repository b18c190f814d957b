//! Somebody commits a Dockerfile for another processor. The next good commit goes live.

use std::fs;
use std::process::Command;

use testbed::Engine;

use crate::support::{SERVICE, Service, Visitor, World};

/// Makes an image `arm` of one empty layer for another processor: the engine can't build the first of its kind.
fn arm_image(engine: &Engine) {
    const LAYER: [u8; 1024] = [0; 1024];
    const LAYER_ID: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    let dir = engine.dir().join("arm");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("layer.tar"), LAYER).unwrap();
    let config = format!(
        r#"{{"architecture":"arm64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{LAYER_ID}"]}}}}"#
    );
    fs::write(dir.join("config.json"), config).unwrap();
    let manifest = r#"[{"Config":"config.json","RepoTags":["arm:latest"],"Layers":["layer.tar"]}]"#;
    fs::write(dir.join("manifest.json"), manifest).unwrap();
    let archive = engine.dir().join("arm.tar");
    let tar = Command::new("tar").arg("-C").arg(&dir).arg("-cf").arg(&archive).arg(".").status();
    assert!(tar.unwrap().success());
    engine.docker(["load", "--input", archive.to_str().unwrap()]);
}

#[test]
fn the_image_is_for_another_architecture() {
    let mut world = World::that_works();
    arm_image(&world.bed.engine);
    let visitor = Visitor::of(&Service::of(&world.bed.engine, SERVICE));
    let page = world.newest();
    let dockerfile = "FROM --platform=linux/arm64 arm\nCOPY site page.html /\nENTRYPOINT [\"/site\"]\n";
    let commit = world.site.commit_dockerfile("arm", dockerfile);
    world.site.push(&commit);
    world.tells(["is for linux/arm64, the node is linux/amd64; nothing was changed", "hint: "]);
    visitor.saw_only(&page);
    world.publishes();
    world.is_well_again();
    world.ends();
}
