//! A static server for this machine only: what any static host does, without special headers.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::{Component, Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

/// How many ports are tried before giving up.
const PORTS: u16 = 100;

/// Requests answered at the same time: a page, its model and its engine are on the way together.
const WORKERS: usize = 4;

/// Serves `folder` on the first free port from `first_port` on, until the program is ended.
///
/// # Errors
/// No port is free.
pub(crate) fn serve(folder: &Path, first_port: u16) -> Result<()> {
    let (server, port) = bind(first_port)?;
    println!("\nDALNet: http://localhost:{port}/   (Ctrl-C ends it)");
    work(&server, folder);
    Ok(())
}

/// Answers requests for files below `folder` until the server is unblocked.
fn work(server: &Server, folder: &Path) {
    thread::scope(|scope| {
        for _worker in 0..WORKERS {
            scope.spawn(|| {
                while let Ok(request) = server.recv() {
                    // A visitor who leaves in the middle of a download is no failure.
                    let _left = answer(request, folder);
                }
            });
        }
    });
}

fn bind(first_port: u16) -> Result<(Server, u16)> {
    let last_port = first_port.saturating_add(PORTS - 1);
    for port in first_port..=last_port {
        // A browser may try localhost's IPv6 address first: another program there would answer in our place.
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        if other.is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
            continue;
        }
        if let Ok(server) = Server::http((Ipv4Addr::LOCALHOST, port)) {
            return Ok((server, port));
        }
    }
    Err(anyhow!("no free port from {first_port} to {last_port}: choose another with --port"))
}

fn answer(request: Request, folder: &Path) -> Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Ok(request.respond(Response::from_string("only GET and HEAD").with_status_code(405))?);
    }
    let opened = file_of(request.url(), folder).and_then(|path| Some((File::open(&path).ok()?, path)));
    let Some((file, path)) = opened else {
        return Ok(request.respond(Response::from_string("not found").with_status_code(404))?);
    };
    let response = Response::from_file(file)
        .with_header(header("Content-Type", content_type(&path))?)
        // A rebuilt site is seen at the next reload.
        .with_header(header("Cache-Control", "no-cache")?);
    request.respond(response).context("answering")
}

fn header(name: &str, value: &str) -> Result<Header> {
    Header::from_bytes(name, value).map_err(|()| anyhow!("{name}: {value} is no header"))
}

/// The file that an address means; `None` where it leaves the folder or there is none.
fn file_of(url: &str, folder: &Path) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.trim_start_matches('/');
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let file = folder.join(if path.is_empty() { "index.html" } else { path });
    (inside && file.is_file()).then_some(file)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("md" | "txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn get(port: u16, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_of_the_folder_are_served_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("dist");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("index.html"), "<p>page").unwrap();
        fs::write(site.join("engine.wasm"), "engine").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let (server, port) = bind(18_080).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| work(&server, &site));
            assert!(get(port, "/?query").contains("<p>page"));
            assert!(get(port, "/engine.wasm").contains("Content-Type: application/wasm"));
            assert!(get(port, "/missing.json").starts_with("HTTP/1.1 404"));
            assert!(get(port, "/../secret").starts_with("HTTP/1.1 404"));
            for _worker in 0..WORKERS {
                server.unblock();
            }
        });
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let (_first, port) = bind(18_180).unwrap();
        let (_second, next) = bind(port).unwrap();
        assert!(next > port);
    }
}
