//! The engine of a process that has definitions loaded: it goes over when all have approved, or nobody does.
#![cfg(unix)]

use crate::behind;
use booster_definitions::Component;
use booster_engine::{CommandLine, ImageError};
use booster_store::{Installed, Why};
use booster_update::{ErrorKind, GoOver, LoadedEngine, Outcome};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const AV: Component = Component::Antivirus;

/// An engine that notes what it is asked, and cannot open one generation. A real one fails only where the process
/// that has just opened the same image does not, as for want of memory.
#[derive(Debug, Default)]
struct Noting {
    noted: Arc<Mutex<Vec<String>>>,
    cannot_open: Option<u64>,
}

impl Noting {
    fn noted(&self) -> Vec<String> {
        self.noted.lock().unwrap().clone()
    }
}

impl LoadedEngine for Noting {
    fn open(&self, installed: &Installed) -> Result<GoOver, ImageError> {
        let number = installed.record().number;
        if self.cannot_open == Some(number) {
            return Err(ImageError::Changed("rules-0.bin".into()));
        }
        self.noted.lock().unwrap().push(format!("opened {number}"));
        let noted = Arc::clone(&self.noted);
        Ok(Box::new(move || noted.lock().unwrap().push(format!("uses {number}"))))
    }
}

fn health(script: &str) -> Option<CommandLine> {
    let (program, timeout) = ("/bin/sh".into(), Duration::from_secs(600));
    Some(CommandLine { program, arguments: vec!["-c".into(), script.into()], timeout })
}

#[tokio::test]
async fn the_engine_opens_the_new_set_first_and_uses_it_when_all_have_approved() {
    let (mut machine, publisher) = behind().await;
    let engine = Arc::new(Noting::default());
    machine.options.loaded = Some(engine.clone());
    machine.options.health = health("test $BOOSTER_GENERATION -eq 2");
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(engine.noted(), ["opened 2", "uses 2"]);
    assert!(!machine.store().awaits_approval().unwrap());
}

#[tokio::test]
async fn a_set_that_the_engine_cannot_open_is_left_everywhere_and_not_taken_again() {
    let (mut machine, publisher) = behind().await;
    machine.options.loaded = Some(Arc::new(Noting { cannot_open: Some(2), ..Noting::default() }));
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("engine built-in") && message.contains("rules-0.bin"), "{message}");
    assert_eq!(machine.version(AV), Some(1));
    let rejected = machine.store().rejected().unwrap();
    assert_eq!(rejected.iter().map(|release| release.why).collect::<Vec<_>>(), [Why::EngineRejected]);
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn an_engine_does_not_go_over_to_what_is_taken_back() {
    let (mut machine, publisher) = behind().await;
    let engine = Arc::new(Noting::default());
    machine.options.loaded = Some(engine.clone());
    machine.options.health = health("exit 1");
    machine.update(publisher.path()).await.failed_with(ErrorKind::HealthFailed);
    assert_eq!((engine.noted(), machine.version(AV)), (vec!["opened 2".to_owned()], Some(1)));
}
