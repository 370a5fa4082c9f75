//! Against a server on this machine.

use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;
use tiny_http::{Header, Response, Server, StatusCode};

use super::*;

/// Serves `content` at /file, honours ranges, and notes the ranges asked for.
fn serve(content: &'static [u8]) -> (String, Arc<Mutex<Vec<String>>>) {
    let server = Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.server_addr().to_ip().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let range = request.headers().iter().find(|header| header.field.equiv("Range"));
            let range = range.map(|header| header.value.to_string()).unwrap_or_default();
            noted.lock().unwrap().push(range.clone());
            let from = range.strip_prefix("bytes=").and_then(|text| text.strip_suffix('-')?.parse::<usize>().ok());
            let with = |status: u16, body: &[u8], range: &str| {
                let header = Header::from_bytes("Content-Range", range).unwrap();
                Response::from_data(body).with_status_code(StatusCode(status)).with_header(header)
            };
            let last = content.len() - 1;
            let response = match from {
                _ if request.url() != "/file" => Response::from_data("no").with_status_code(StatusCode(404)),
                Some(from) if from > last => with(416, b"", &format!("bytes */{}", content.len())),
                Some(from) => with(206, &content[from..], &format!("bytes {from}-{last}/{}", content.len())),
                None => Response::from_data(content),
            };
            request.respond(response).unwrap();
        }
    });
    (url, asked)
}

const CONTENT: &[u8] = &[7; 300_000];
/// Of the content, by md5sum and sha256sum.
const MD5: &str = "a95aa03512179a387a47aab51d3e5d20";
const SHA256: &str = "08f166476de183f7a1b2874d544d37912aaf8d19b92013e1aafe233ba231024a";

#[test]
fn fetches_a_file_once() {
    let (url, asked) = serve(CONTENT);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/weights");
    let download = Download { url: &format!("{url}/file"), path: &path, md5: Some(MD5) };
    assert_eq!(download.run().unwrap(), SHA256);
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!(fs::read_to_string(beside(download.path, ".sha256")).unwrap(), format!("{SHA256}  weights\n"));
    assert!(!beside(download.path, ".partial").exists());
    assert_eq!(download.run().unwrap(), SHA256);
    assert_eq!(*asked.lock().unwrap(), [""], "what is there is not fetched again");
    fs::write(&path, "other").unwrap();
    let again = Download { md5: None, ..download };
    assert!(again.run().unwrap_err().to_string().contains("remove it"), "the noted digest guards an unpublished file");
}

#[test]
fn goes_on_where_it_stopped() {
    let (url, asked) = serve(CONTENT);
    let folder = TempDir::new().unwrap();
    for have in [1, 299_999, 300_000] {
        let path = folder.path().join(have.to_string());
        let download = Download { url: &format!("{url}/file"), path: &path, md5: Some(MD5) };
        fs::write(beside(download.path, ".partial"), &CONTENT[..have]).unwrap();
        assert_eq!(download.run().unwrap(), SHA256);
        assert_eq!(fs::read(&path).unwrap(), CONTENT);
    }
    assert_eq!(*asked.lock().unwrap(), ["bytes=1-", "bytes=299999-", "bytes=300000-"]);
}

#[test]
fn refuses_another_file_and_forgets_it() {
    let (url, _) = serve(CONTENT);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights");
    let download = Download { url: &format!("{url}/file"), path: &path, md5: Some(MD5) };
    fs::write(beside(download.path, ".partial"), "not its beginning").unwrap();
    let said = download.run().unwrap_err().to_string();
    assert!(said.contains("weights: its MD5 is") && said.contains(MD5) && said.contains("it was removed"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(download.run().unwrap(), SHA256, "the next run starts anew");
}

#[test]
fn says_in_one_sentence_why_there_is_nothing() {
    let (url, _) = serve(CONTENT);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights");
    let fails = |url: &str| format!("{:#}", Download { url, path: &path, md5: None }.run().unwrap_err());
    let said = fails(&format!("{url}/nothing"));
    assert!(said.contains("/nothing: the server answers 404") && said.contains("put it at"), "{said}");
    // A port that was just free: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = fails(&format!("http://127.0.0.1:{port}/file"));
    assert!(said.contains("cannot be reached") && said.contains("run the same command again"), "{said}");
    assert!(!said.contains('\n'), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
