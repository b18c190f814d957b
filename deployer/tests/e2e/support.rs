//! What every test needs. All of it goes with the [`Bed`].

mod ballast;
mod bed;
mod clock;
mod demo;
mod events;
mod library;
mod pages;
mod planner;
mod power;
mod proxy;
mod remote;
mod running;
mod service;
mod site;
mod sleep;
pub(crate) mod world;

pub(crate) use ballast::Ballast;
pub(crate) use bed::{Bed, DEADLINE, Ended, eventually};
pub(crate) use clock::Clock;
pub(crate) use demo::Demo;
pub(crate) use events::{Events, images_set};
pub(crate) use library::{Library, settings};
pub(crate) use pages::Pages;
pub(crate) use planner::Planner;
pub(crate) use power::End;
pub(crate) use proxy::{Manner, Proxy};
pub(crate) use running::Running;
pub(crate) use service::{Service, Visitor};
pub(crate) use site::Site;
pub(crate) use sleep::Sleep;
pub(crate) use world::{SERVICE, World};
