//! What drivers and backends say when they panic instead of answering.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

/// Runs what may panic, as drivers make their callers do, without the panic's own message.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.map_err(|reason| told_by(reason.as_ref()))
}

/// The first line of what a panic says.
pub(crate) fn told_by(reason: &(dyn Any + Send)) -> String {
    let text = reason.downcast_ref::<String>().map(String::as_str).or_else(|| reason.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("a panic without a reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_its_first_line() {
        assert_eq!(quietly(|| panic!("no driver {}\nbacktrace", 7)).map(|()| 1), Err("no driver 7".to_owned()));
        assert_eq!(quietly(|| 3), Ok(3));
    }
}
