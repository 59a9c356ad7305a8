//! Parts of AWS played by a server on the loopback interface: buckets, the event history, trails and last accessed details.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `s3:Get /bucket/key`, `s3:List /bucket`, `LookupEvents`, `GetCallerIdentity` …
    pub operation: String,
    /// What follows the bucket's name in the path, decoded.
    pub key: String,
    pub bucket: String,
    /// Of the query or the form, decoded.
    pub parameters: BTreeMap<String, String>,
    /// Of a request in JSON.
    pub json: Value,
    /// The `Authorization` header, which names the region.
    pub authorization: String,
    pub payer: bool,
    /// The first byte that is asked for, if not all are.
    pub from: usize,
}

impl Request {
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The region that the request was signed for.
    pub fn region(&self) -> &str {
        self.authorization.split('/').nth(2).unwrap_or_default()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The connection breaks off after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Reply {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            cut: None,
        }
    }

    pub fn json(value: &Value) -> Self {
        let mut reply = Self::ok(value.to_string());
        reply
            .headers
            .push(("content-type", "application/x-amz-json-1.1".to_owned()));
        reply
    }

    /// An error as S3, STS and IAM write it.
    pub fn xml_error(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Code>{code}</Code><Message>{message}</Message>");
        Self {
            status,
            headers: vec![("content-type", "application/xml".to_owned())],
            body: format!("<Error>{error}<Error>{error}</Error></Error>").into_bytes(),
            cut: None,
        }
    }

    /// An error as CloudTrail writes it.
    pub fn json_error(code: &str, message: &str) -> Self {
        Self {
            status: 400,
            headers: vec![("content-type", "application/x-amz-json-1.1".to_owned())],
            body: json!({"__type": code, "message": message})
                .to_string()
                .into_bytes(),
            cut: None,
        }
    }
}

/// What the server was asked for, in order.
pub type Asked = Arc<Mutex<Vec<Request>>>;

/// What was asked for of one kind.
pub fn operations(asked: &Asked, operation: &str) -> Vec<Request> {
    let asked = asked.lock().unwrap();
    asked
        .iter()
        .filter(|request| request.operation == operation)
        .cloned()
        .collect()
}

/// `rolefit`, with the account at an address and nobody's own credentials.
pub fn rolefit(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolefit"));
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_CONFIG_FILE", "/nowhere")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    command
}

/// Answers every request until the test ends; gives the address, and what was asked for so far.
pub fn serve(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
            std::thread::spawn(move || {
                let _ = converse(&stream, &*answer, &noted);
            });
        }
    });
    (address, asked)
}

fn converse(
    stream: &TcpStream,
    answer: &dyn Fn(&Request) -> Reply,
    asked: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let request = understood(&target, &headers, &String::from_utf8_lossy(&body));
        asked.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 {} X\r\ncontent-length: {}\r\n",
            reply.status,
            reply.body.len()
        )?;
        for (name, value) in &reply.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        stream.write_all(b"\r\n")?;
        match reply.cut {
            Some(at) => {
                stream.write_all(&reply.body[..at])?;
                return stream.shutdown(Shutdown::Both);
            }
            None => stream.write_all(&reply.body)?,
        }
    }
}

fn understood(target: &str, headers: &BTreeMap<String, String>, body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let form = if path == "/" { body } else { query };
    let parameters: BTreeMap<String, String> = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect();
    let (bucket, key) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    let operation = match headers.get("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None if parameters.contains_key("Action") => parameters["Action"].clone(),
        None if path.contains("/functions") => "ListFunctions".to_owned(),
        None if key.is_empty() => "ListObjectsV2".to_owned(),
        None => "GetObject".to_owned(),
    };
    Request {
        operation,
        key: decoded(key),
        bucket: bucket.to_owned(),
        parameters,
        json: serde_json::from_str(body).unwrap_or(Value::Null),
        authorization: headers.get("authorization").cloned().unwrap_or_default(),
        payer: headers.contains_key("x-amz-request-payer"),
        from: headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
            .unwrap_or(0),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A bucket.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    pub objects: BTreeMap<String, Vec<u8>>,
    /// How many keys and folders one page of a listing holds.
    pub page: usize,
}

impl Bucket {
    /// Every file below a folder that has a name like an object of a trail.
    pub fn of_folder(folder: &str, page: usize) -> Self {
        let mut objects = BTreeMap::new();
        let mut waiting = vec![std::path::PathBuf::from(folder)];
        while let Some(next) = waiting.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|ending| ending == "gz") {
                    let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    objects.insert(key, std::fs::read(path).unwrap());
                }
            }
        }
        Self { objects, page }
    }

    /// What S3 answers; `None` for what is not asked of it.
    pub fn answer(&self, request: &Request) -> Option<Reply> {
        match request.operation.as_str() {
            "ListObjectsV2" => Some(self.list(request)),
            "GetObject" => Some(match self.objects.get(&request.key) {
                Some(bytes) => Reply::ok(&bytes[request.from..]),
                None => Reply::xml_error(404, "NoSuchKey", "The specified key does not exist."),
            }),
            _ => None,
        }
    }

    fn list(&self, request: &Request) -> Reply {
        let (prefix, delimiter) = (request.parameter("prefix"), request.parameter("delimiter"));
        let after = request.parameter("continuation-token");
        let after = if after.is_empty() {
            request.parameter("start-after")
        } else {
            after
        };
        let page = request
            .parameter("max-keys")
            .parse()
            .unwrap_or(self.page)
            .min(self.page);
        let mut rows: Vec<(String, String)> = Vec::new();
        for (key, bytes) in self.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let folder = match delimiter {
                "" => None,
                mark => key[prefix.len()..]
                    .find(mark)
                    .map(|at| key[..=prefix.len() + at].to_owned()),
            };
            let (name, row) = match folder {
                Some(folder) => {
                    let row = format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
                    (folder, row)
                }
                None => {
                    let row = format!(
                        "<Contents><Key>{key}</Key><ETag>&quot;{:x}-{}&quot;</ETag><Size>{}</Size></Contents>",
                        bytes.iter().fold(7_u64, |hash, byte| hash
                            .wrapping_mul(31)
                            .wrapping_add(u64::from(*byte))),
                        bytes.len(),
                        bytes.len()
                    );
                    (key.clone(), row)
                }
            };
            if name.as_str() > after && rows.last().is_none_or(|(last, _)| *last != name) {
                rows.push((name, row));
            }
        }
        let more = rows.len() > page;
        rows.truncate(page);
        let next = match rows.last().filter(|_| more) {
            Some((name, _)) => format!("<NextContinuationToken>{name}</NextContinuationToken>"),
            None => String::new(),
        };
        let rows: String = rows.into_iter().map(|(_, row)| row).collect();
        Reply::ok(format!(
            "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>{}</Name><IsTruncated>{more}</IsTruncated>{next}{rows}</ListBucketResult>",
            request.bucket
        ))
    }
}

/// The event history of a region: events of user names, newest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Second of the event, user name, record.
    pub events: Vec<(i64, String, Value)>,
}

impl History {
    /// What CloudTrail answers: pages of 50, one attribute alone, a token that names the page.
    pub fn answer(&self, request: &Request) -> Option<Reply> {
        if request.operation != "LookupEvents" {
            return None;
        }
        let asked = &request.json;
        let wanted = asked["LookupAttributes"][0]["AttributeValue"].as_str();
        let (from, to) = (asked["StartTime"].as_f64(), asked["EndTime"].as_f64());
        let mut events: Vec<&(i64, String, Value)> = self
            .events
            .iter()
            .filter(|(at, user, _)| {
                let at = *at as f64;
                wanted.is_none_or(|wanted| wanted == user)
                    && from.is_none_or(|from| at >= from)
                    && to.is_none_or(|to| at <= to)
            })
            .collect();
        events.sort_by_key(|(at, _, _)| std::cmp::Reverse(*at));
        // A token holds for the question that it was given for.
        let question = format!("{wanted:?} {from:?} {to:?}");
        let begin: usize = match asked["NextToken"].as_str().map(|token| token.split_once(' ')) {
            Some(Some((begin, of))) if of == question => begin.parse().unwrap(),
            Some(_) => {
                return Some(Reply::json_error(
                    "InvalidNextTokenException",
                    "not for this question",
                ));
            }
            None => 0,
        };
        let page: Vec<Value> = events
            .iter()
            .skip(begin)
            .take(50)
            .map(|(at, user, record)| {
                json!({"EventId": record["eventID"], "EventName": record["eventName"], "EventTime": at, "Username": user,
                    "CloudTrailEvent": record.to_string()})
            })
            .collect();
        let mut answer = json!({"Events": page});
        if begin + 50 < events.len() {
            answer["NextToken"] = json!(format!("{} {question}", begin + 50));
        }
        Some(Reply::json(&answer))
    }
}

/// What STS says of the caller, who is of the account 111122223333.
pub fn identity(request: &Request) -> Option<Reply> {
    (request.operation == "GetCallerIdentity").then(|| {
        Reply::ok(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/ci</Arn>\
             <UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        )
    })
}
