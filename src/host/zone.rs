//! The zone of this machine by its IANA name.

use std::path::Path;

/// What `TZ` says, else where `/etc/localtime` points to, else UTC. The same is handed to sessions,
/// so that the times they tell are read as they were meant.
pub fn local_zone() -> String {
    let by_variable = std::env::var("TZ").ok();
    let by_variable = by_variable.as_deref().and_then(name_in_variable);
    let by_link = || std::fs::read_link("/etc/localtime").ok().and_then(|it| name_in_path(&it));
    let by_file = || std::fs::read_to_string("/etc/timezone").ok().and_then(|it| plain_name(&it));
    by_variable.or_else(by_link).or_else(by_file).unwrap_or_else(|| "UTC".to_owned())
}

/// `Europe/Berlin`, `:Europe/Berlin`, `:/usr/share/zoneinfo/Europe/Berlin`. An empty one is UTC, as
/// it is for the C library; rules such as `CET-1CEST` are no name.
fn name_in_variable(value: &str) -> Option<String> {
    let value = value.trim().trim_start_matches(':');
    match value {
        "" => Some("UTC".to_owned()),
        path if path.starts_with('/') => name_in_path(Path::new(path)),
        name => plain_name(name),
    }
}

/// What stands behind `zoneinfo/`.
fn name_in_path(path: &Path) -> Option<String> {
    let path = path.to_str()?;
    let name = path.rsplit_once("zoneinfo/")?.1;
    let name = name.strip_prefix("posix/").or(name.strip_prefix("right/")).unwrap_or(name);
    plain_name(name)
}

fn plain_name(name: &str) -> Option<String> {
    let name = name.trim();
    let is_known = jiff::tz::TimeZoneDatabase::bundled().get(name).is_ok();
    is_known.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_by_variable_and_path() {
        let variable = |value: &str| name_in_variable(value);
        assert_eq!(variable("Europe/Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(variable(":Asia/Calcutta").as_deref(), Some("Asia/Calcutta"));
        assert_eq!(variable("").as_deref(), Some("UTC"));
        assert_eq!(
            variable(":/usr/share/zoneinfo/posix/Asia/Tokyo").as_deref(),
            Some("Asia/Tokyo")
        );
        assert_eq!(variable("CET-1CEST,M3.5.0,M10.5.0/3"), None);
        let path = |path: &str| name_in_path(Path::new(path));
        assert_eq!(
            path("../usr/share/zoneinfo/America/New_York").as_deref(),
            Some("America/New_York")
        );
        assert_eq!(path("/etc/elsewhere"), None);
    }
}
