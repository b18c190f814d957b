//! What the page shows can be had as text: for Graphviz, for sites that draw Mermaid, and as JSON.

use ci_core::current::all;
use serde_json::Value as Json;

use crate::support::{Ci, World, build, head};

#[tokio::test]
async fn the_picture_is_given_to_other_programs() {
    let world = World::new("one");
    let ci = Ci::start_of(&world, None, || {
        let commit = head();
        all([build("build \"it\" café", &commit).collapse("stage", "image", &commit).ignore()])
    });
    ci.done().await;

    let dot = ci.get("/pipeline.dot").await;
    assert_eq!(dot.header("content-type"), "text/vnd.graphviz; charset=utf-8");
    assert_eq!(dot.header("content-disposition"), "attachment; filename=\"pipeline.dot\"");
    assert!(
        dot.text.starts_with("digraph pipeline {") && dot.text.contains("label=\"+ image\\n1 ok\""),
        "{}",
        dot.text
    );
    let open = ci.get("/pipeline.dot?stage=image").await.text;
    assert!(open.contains("[label=\"build \\\"it\\\" café ✔\", fillcolor=\"#90ee90\""), "{open}");
    assert!(open.contains("URL=\"/jobs/"), "{open}");

    let mermaid = ci.get("/pipeline.mmd?stage=image").await;
    assert_eq!(mermaid.header("content-type"), "text/plain; charset=utf-8");
    assert!(mermaid.text.starts_with("flowchart LR\n"), "{}", mermaid.text);
    assert!(mermaid.text.contains("[\"build #quot;it#quot; café ✔<br/>ok\"]:::ok"), "{}", mermaid.text);

    let json = ci.get("/pipeline.json?stage=image").await;
    assert_eq!(json.header("content-type"), "application/json");
    let json: Json = serde_json::from_str(&json.text).unwrap();
    let labels: Vec<_> = json["points"].as_array().unwrap().iter().map(|it| &it["shape"]["label"]).collect();
    assert_eq!(labels, ["head of live", "build \"it\" café"]);
    assert_eq!(json["edges"], serde_json::json!([{"from": 0, "to": 1, "dashed": false}]));
    ci.engine.stop().await;
}
