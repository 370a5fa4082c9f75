//! The program from its command line: trains a small network on a synthetic VOC folder, goes on after a stop, scores,
//! segments, exports, and refuses what it cannot use with one sentence.

mod average;
mod bad_input;
mod embed;
mod fixture;
mod labels;
mod machine;
mod results;
mod scores;
mod settings;
mod sources;
mod training;
