//! What there is: documents, files and results, in the salsa database; and what keys are made of.

pub mod action;
pub mod db;
pub mod prompt;
