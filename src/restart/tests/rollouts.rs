//! Deployments that are rolled out.

use super::*;

#[tokio::test(start_paused = true)]
async fn finds_out_whether_a_rollout_has_begun_where_the_answer_is_lost() {
    for (is_done, patches) in [(true, 1), (false, 2)] {
        let mut is_lost = false;
        let world = World::hooked(move |_, asked| {
            if !asked.starts_with("PATCH") || std::mem::replace(&mut is_lost, true) {
                return None;
            }
            Some(if is_done { Reply::DoneBut(504) } else { Reply::Status(504) })
        });
        let (carried, world, _) = carried(world, Action::Rollout).await;
        assert_eq!(outcomes(&carried), ["rolled-out"], "{carried:?}");
        assert_eq!(world.sent("PATCH"), patches);
    }
    let world = World::hooked(|_, asked| asked.starts_with("PATCH").then_some(Reply::Status(504)));
    let (carried, ..) = carried(world, Action::Rollout).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("not known") && why.contains("rollout undo deployment/app"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn begins_no_rollout_that_is_not_needed_or_not_allowed_any_more() {
    type Change = fn(&mut World);
    let fine: Change = |world| world.pods = (0..3).map(|_| world.new_pod()).collect();
    let paused: Change = |world| world.deployment["spec"]["paused"] = true.into();
    let kept: Change = |world| world.pods[2]["metadata"]["annotations"] = json!({SAFE: "false"});
    for (change, reason) in [(fine, "not-needed"), (paused, "paused"), (kept, "not-safe-to-evict")]
    {
        let world = World::hooked(move |world, _| {
            change(world);
            None
        });
        let (carried, world, _) = carried(world, Action::Rollout).await;
        assert_eq!((outcomes(&carried), world.sent("PATCH")), (vec![reason], 0), "{carried:?}");
    }
}

/// Between the last look and the request.
#[tokio::test(start_paused = true)]
async fn begins_no_rollout_of_a_deployment_that_has_just_been_paused() {
    let world = World::hooked(|world, asked| {
        if asked.starts_with("PATCH") {
            world.deployment["spec"]["paused"] = true.into();
            world.deployment["metadata"]["resourceVersion"] = "2".into();
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Rollout).await;
    assert_eq!((outcomes(&carried), world.sent("PATCH")), (vec!["paused"], 1), "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_no_rollout_complete_before_all_its_pods_were_looked_at() {
    // One pod's namesake is still the old one, and lists fail for a while.
    let mut lists = 0;
    let world = World::hooked(move |world, asked| {
        if asked != format!("GET {PODS}") || world.sent("PATCH") == 0 {
            return None;
        }
        lists += 1;
        match lists {
            1..=3 => return Some(Reply::Status(403)),
            4 => drop(world.pods.pop()),
            7 => {
                let mut late = world.new_pod();
                late["spec"] =
                    json!({"serviceAccountName": "app", "containers": [{"name": "app"}]});
                world.pods.push(late);
            }
            _ => {}
        }
        None
    });
    let (carried, ..) = carried(world, Action::Rollout).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("new-4 is missing"), "{why}");
}
