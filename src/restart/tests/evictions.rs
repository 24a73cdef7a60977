//! Pods that are evicted, and how that is stopped.

use super::*;

#[tokio::test(start_paused = true)]
async fn replaces_one_pod_after_the_other() {
    let (carried, world, _) = carried(World::new(), Action::Evict).await;
    assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
    assert_eq!((carried.ended, world.sent("POST")), (Ended::Complete, 3));
}

/// The eviction says as what the pod was seen.
#[tokio::test(start_paused = true)]
async fn does_not_evict_a_pod_that_changed_between_the_last_look_and_the_request() {
    let world = World::hooked(move |world, asked| {
        if is_eviction(asked) && world.sent("POST") == 1 {
            let metadata = &mut world.pods[0]["metadata"];
            metadata["annotations"] = json!({SAFE: "false"});
            metadata["resourceVersion"] = "2".into();
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["not-safe-to-evict", "replaced", "replaced"], "{carried:?}");
    assert_eq!((carried.ended, world.sent("POST")), (Ended::Complete, 3));
    assert_eq!(world.pods[0]["metadata"]["name"], "old-0");
}

#[tokio::test(start_paused = true)]
async fn looks_at_everything_again_before_each_pod() {
    type Change = fn(&mut World);
    let scale: Change = |world| world.deployment["spec"]["replicas"] = 1.into();
    let roll: Change = |world| world.deployment["metadata"]["generation"] = 2.into();
    let budgets: Change = |world| {
        let budget = |name: &str| json!({"metadata": {"name": name}, "spec": {"selector": {}}});
        world.budgets = vec![budget("a"), budget("b")];
    };
    let delete: Change = |world| world.deployment["metadata"]["uid"] = "another".into();
    for (change, reason) in [
        (scale, "downtime"),
        (roll, "rolling-out"),
        (budgets, "many-budgets"),
        (delete, "not-known"),
    ] {
        let world = World::hooked(move |world, asked| {
            if is_eviction(asked) {
                change(world);
            }
            None
        });
        let (carried, world, took) = carried(world, Action::Evict).await;
        assert_eq!(outcomes(&carried), ["replaced", reason, reason], "{carried:?}");
        assert_eq!((&carried.ended, world.sent("POST")), (&Ended::Complete, 1));
        assert!(took < Duration::from_mins(2), "{reason} stalls the run: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn gives_controllers_time_to_write_their_status() {
    let mut looks = 0;
    let world = World::hooked(move |world, asked| {
        let ready = &mut world.deployment["status"]["readyReplicas"];
        if is_eviction(asked) {
            (looks, *ready) = (0, 1.into());
        } else if asked.ends_with("/deployments/app") {
            looks += 1;
            if looks > 3 {
                *ready = 3.into();
            }
        }
        None
    });
    let (carried, ..) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_a_while_for_what_comes_in_place_of_a_pod_that_somebody_else_deletes() {
    let ending = |ends_with_look: usize| {
        let mut looks = 0;
        let mut world = World::hooked(move |world, asked| {
            if asked == format!("GET {PODS}") {
                looks += 1;
                if looks == ends_with_look {
                    world.pods[0] = world.new_pod();
                }
            }
            None
        });
        world.pods[0]["metadata"]["deletionTimestamp"] = "2026-12-25T00:00:00Z".into();
        world
    };
    for (look, most, outcome) in
        [(4, Duration::from_secs(10), "gone"), (usize::MAX, Duration::from_mins(2), "ending")]
    {
        let (carried, world, took) = carried(ending(look), Action::Evict).await;
        assert_eq!(outcomes(&carried), [outcome, "replaced", "replaced"], "{carried:?}");
        assert!(took < most, "{took:?}");
        assert_eq!(world.sent(&format!("POST {PODS}/old-0/")), 0, "{:?}", world.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn evicts_no_pod_before_one_has_come_for_another_that_somebody_else_deleted() {
    let (mut is_planned, mut looks) = (true, 0);
    let world = World::hooked(move |world, asked| {
        if std::mem::take(&mut is_planned) {
            world.pods.remove(0);
        }
        looks += usize::from(asked == format!("GET {PODS}"));
        if looks == 4 && world.pods.len() == 2 {
            let new = world.new_pod();
            world.pods.push(new);
        }
        None
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["gone", "replaced", "replaced"], "{carried:?}");
    let first = world.asked.iter().position(|it| is_eviction(it)).unwrap();
    let looks = world.asked[..first].iter().filter(|it| **it == format!("GET {PODS}")).count();
    assert!(looks >= 4, "{:?}", world.asked);
}

#[tokio::test(start_paused = true)]
async fn looks_for_itself_where_the_answer_to_an_eviction_is_lost() {
    for (is_done, evictions) in [(true, 3), (false, 4)] {
        let mut is_lost = false;
        let world = World::hooked(move |_, asked| {
            if !is_eviction(asked) || std::mem::replace(&mut is_lost, true) {
                return None;
            }
            Some(if is_done { Reply::DoneBut(504) } else { Reply::Status(503) })
        });
        let (carried, world, _) = carried(world, Action::Evict).await;
        assert_eq!(outcomes(&carried), ["replaced"; 3], "{carried:?}");
        assert_eq!(world.sent("POST"), evictions, "{:?}", world.asked);
    }
}

#[tokio::test(start_paused = true)]
async fn takes_no_other_pod_for_a_replacement_where_none_is_wanted_any_more() {
    let world = World::hooked(|world, asked| {
        // Two have gone after the eviction, and none comes.
        if asked == format!("GET {PODS}") && world.sent("POST") == 1 {
            world.deployment["spec"]["replicas"] = 2.into();
            world.pods.retain(|pod| pod["metadata"]["name"] != "new-1");
        }
        None
    });
    let (carried, ..) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried)[0], "not-wanted", "{carried:?}");
}

#[tokio::test(start_paused = true)]
async fn goes_on_where_the_workload_is_deleted_while_its_pod_is_replaced() {
    let world = World::hooked(|world, asked| {
        if world.sent("POST") == 0 || is_eviction(asked) {
            return None;
        }
        world.pods.retain(|pod| pod["metadata"]["name"] == "old-2");
        (asked.ends_with("/replicasets/app-1") || asked.ends_with("/deployments/app"))
            .then_some(Reply::Status(404))
    });
    let (carried, _, took) = carried(world, Action::Evict).await;
    let reason = "no-controller";
    assert_eq!(outcomes(&carried), ["not-wanted", reason, reason], "{carried:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
}

/// A pod that was waited for in vain leaves no less time for the API server.
#[tokio::test(start_paused = true)]
async fn one_failed_request_ends_nothing() {
    let mut last = None;
    let world = World::hooked(move |world, asked| {
        world.deployment["metadata"]["generation"] = 2.into();
        if asked != format!("GET {PODS}") {
            return None;
        }
        // The first look at the second pod, for which nothing is waited.
        let now = Instant::now();
        let fails = last.replace(now) == Some(now) && world.sent("failed") == 0;
        fails.then(|| {
            world.asked.push("failed".to_owned());
            Reply::Status(500)
        })
    });
    let (carried, world, _) = carried(world, Action::Evict).await;
    assert_eq!(outcomes(&carried), ["rolling-out"; 3], "{carried:?}");
    assert_eq!(world.sent("failed"), 1);
}

#[tokio::test(start_paused = true)]
async fn ends_where_the_api_server_does_not_answer_for_a_while() {
    let world = World::hooked(|world, asked| {
        (world.sent("POST") > 0 && asked.starts_with("GET") && world.count > 1)
            .then_some(Reply::Status(500))
    });
    let (carried, world, took) = carried(world, Action::Evict).await;
    let Ended::Failed { why, .. } = &carried.ended else { panic!("{carried:?}") };
    assert!(why.contains("no luck"), "{why}");
    assert!(world.sent("POST") < 3 && took < Duration::from_mins(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn sends_nothing_once_it_was_asked_to_stop() {
    for action in [Action::Evict, Action::Rollout] {
        // In the middle of a look.
        let world = World::hooked(|world, asked| {
            if asked == format!("GET {PODS}") {
                world.stop.request();
            }
            None
        });
        let (carried, world, _) = carried(world, action).await;
        assert_eq!(carried.ended, Ended::Interrupted { under_way: None });
        assert_eq!((world.sent("POST"), world.sent("PATCH")), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn ends_at_once_when_it_is_asked_twice_whatever_it_waits_for() {
    let never = |at: &'static str| {
        World::hooked(move |world, asked| {
            if !asked.starts_with(at) {
                return None;
            }
            world.stop.request();
            world.stop.request();
            Some(Reply::Never)
        })
    };
    for (at, action, is_under_way) in [
        ("GET", Action::Evict, false),
        ("POST", Action::Evict, true),
        ("GET", Action::Rollout, false),
        ("PATCH", Action::Rollout, true),
    ] {
        let (carried, _, took) = carried(never(at), action).await;
        let Ended::Interrupted { under_way } = &carried.ended else { panic!("{carried:?}") };
        assert_eq!((under_way.is_some(), took), (is_under_way, Duration::ZERO), "{at}");
    }
}
