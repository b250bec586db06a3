//! The short form of a published port, `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, ranges included.

use std::net::IpAddr;

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The address as written, without brackets.
    pub(crate) host_ip: Option<String>,
    /// A port, or a range to choose one from.
    pub(crate) published: Option<String>,
    pub(crate) target: u16,
    pub(crate) protocol: String,
}

/// Takes a short form apart: one port for each of the target range, in the order of their texts as the reference has it.
///
/// # Errors
/// A sentence: an address, port, range or protocol that is none, or ranges of different length.
pub(crate) fn parse(spec: &str) -> Result<Vec<Port>, String> {
    let parts: Vec<&str> = spec.split(':').collect();
    let (host_ip, published, target) = match parts.as_slice() {
        [target] => (String::new(), "", *target),
        [published, target] => (String::new(), *published, *target),
        [address @ .., published, target] => (address.join(":"), *published, *target),
        [] => return Err("the port is empty".to_owned()),
    };
    let (target, protocol) = match target.split_once('/') {
        Some((target, "")) => (target, "tcp".to_owned()),
        Some((target, protocol)) => (target, protocol.to_ascii_lowercase()),
        None => (target, "tcp".to_owned()),
    };
    let host_ip = address(&host_ip)?;
    if target.is_empty() {
        return Err(format!("`{spec}` names no port of the container"));
    }
    let (first, last) = range(target).ok_or_else(|| format!("`{target}` is no port or range of ports"))?;
    let published = match published {
        "" => None,
        text => Some(range(text).ok_or_else(|| format!("`{text}` is no port or range of ports"))?),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("`{protocol}` is no protocol, use tcp, udp or sctp"));
    }
    if let Some((start, end)) = published
        && first != last
        && end - start != last - first
    {
        return Err(format!("the ranges of `{spec}` differ in length"));
    }
    let mut ports: Vec<Port> = (first..=last)
        .map(|target| {
            let published = published.map(|(start, end)| match target - first {
                0 if first == last && start != end => format!("{start}-{end}"),
                offset => (start + offset).to_string(),
            });
            Port { host_ip: host_ip.clone(), published, target, protocol: protocol.clone() }
        })
        .collect();
    ports.sort_by_cached_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(ports)
}

fn address(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(_) => Ok(Some(bare.to_owned())),
        Err(_) => Err(format!("`{text}` is no IP address")),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| if text.starts_with('+') { None } else { text.parse::<u16>().ok() };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((start, end)) => {
            let (start, end) = (number(start)?, number(end)?);
            (start <= end).then_some((start, end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(spec: &str) -> Vec<String> {
        parse(spec)
            .unwrap()
            .into_iter()
            .map(|port| {
                let host = port.host_ip.map_or(String::new(), |address| format!("{address}|"));
                format!("{host}{}>{}/{}", port.published.unwrap_or_default(), port.target, port.protocol)
            })
            .collect()
    }

    #[test]
    fn short_forms_are_taken_apart() {
        assert_eq!(shown("80"), [">80/tcp"]);
        assert_eq!(shown("8080:80/UDP"), ["8080>80/udp"]);
        assert_eq!(shown("127.0.0.1::80"), ["127.0.0.1|>80/tcp"]);
        assert_eq!(shown("[::1]:1:2"), ["::1|1>2/tcp"]);
        assert_eq!(shown("::1:1:2"), ["::1|1>2/tcp"]);
        assert_eq!(shown("9-11:19-21"), ["9>19/tcp", "10>20/tcp", "11>21/tcp"]);
        assert_eq!(shown("9-11"), [">10/tcp", ">11/tcp", ">9/tcp"]);
        assert_eq!(shown("8000-9000:80"), ["8000-9000>80/tcp"]);
    }

    #[test]
    fn what_is_no_port_is_an_error() {
        for wrong in ["", "x", "1:", "70000", "1-2:3-5", "5-3", "1:2/icmp", "host:1:2", "1:+2"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
