//! The files of `--dir`.

use std::{
    convert::Infallible,
    fs::FileType,
    io,
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use percent_encoding::percent_decode_str;
use tokio::fs;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_http::services::ServeDir;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Answers requests with the files of a folder. Nothing outside of it is reached, and nothing whose name, or the name of
/// whose folder, starts with a dot: there are secrets in such files. That is so too of what a link leads to. What is neither a
/// file nor a folder is not opened: a pipe would never be read to its end. `folder` has no links in it.
pub(crate) fn service(
    folder: PathBuf,
) -> BoxCloneSyncService<Request<carrick::Body>, Response<Body>, Infallible> {
    let files = ServeDir::new(&folder);
    BoxCloneSyncService::new(service_fn(move |request: Request<carrick::Body>| {
        let (files, folder) = (files.clone(), folder.clone());
        async move {
            let path = request.uri().path();
            if is_hidden(path) || !is_ours(&folder, path).await {
                return Ok(missing());
            }
            let response = files.oneshot(request).await?;
            Ok(careful(response.map(|body| body.boxed_unsync())))
        }
    }))
}

/// Whether a name on the path starts with a dot, once it is decoded.
fn is_hidden(path: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|name| name.starts_with(b"."))
}

/// Whether a path leads to a file, or to a folder that has none but a regular one to show, and stays inside.
async fn is_ours(folder: &Path, path: &str) -> bool {
    let Ok(decoded) = percent_decode_str(path.trim_start_matches('/')).decode_utf8() else { return false };
    let mut target = folder.to_owned();
    for component in Path::new(&*decoded).components() {
        match component {
            Component::Normal(name) => target.push(name),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return false,
        }
    }
    match inside(folder, &target).await {
        Some(kind) if kind.is_dir() => {
            let index = target.join("index.html");
            match fs::symlink_metadata(&index).await {
                Ok(_) => inside(folder, &index).await.is_some_and(|kind| kind.is_file()),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            }
        }
        Some(kind) => kind.is_file(),
        None => false,
    }
}

/// What is there, once all links are followed, if that is in the folder and not hidden.
async fn inside(folder: &Path, target: &Path) -> Option<FileType> {
    let real = fs::canonicalize(target).await.ok()?;
    let names = real.strip_prefix(folder).ok()?;
    if names.iter().any(|name| name.as_encoded_bytes().starts_with(b".")) {
        return None;
    }
    Some(fs::metadata(&real).await.ok()?.file_type())
}

fn missing() -> Response<Body> {
    let body = Full::new(Bytes::from_static(b"not found\n")).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::NOT_FOUND;
    careful(response)
}

/// A browser takes the type of a file as it is told, and asks again whether it is still the same.
fn careful(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_dot_in_front_are_hidden_however_they_are_written() {
        for path in
            ["/.env", "/a/.git/config", "/%2eenv", "/..", "/a/%2e%2e/b", "/a%2f.b", "/a\\.b", "/a%5c.b"]
        {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/index.html", "/a.b/c.d", "/a..b"] {
            assert!(!is_hidden(path), "{path}");
        }
    }
}
