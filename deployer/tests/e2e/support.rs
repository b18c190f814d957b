//! What every test needs. All of it goes with the [`Bed`].

mod bed;
mod demo;
mod events;
mod library;
mod running;
mod service;
mod site;
mod sleep;

pub(crate) use bed::{Bed, DEADLINE, eventually};
pub(crate) use demo::Demo;
pub(crate) use events::{Events, images_set};
pub(crate) use library::Library;
pub(crate) use running::Running;
pub(crate) use service::{Service, Visitor};
pub(crate) use site::Site;
pub(crate) use sleep::Sleep;
