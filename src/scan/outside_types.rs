//! Types of other crates: what they hold, and which of them send things of their own.

use std::sync::Arc;

use super::ir::Name;
use super::types::Ty;

/// Containers whose first argument is what they hold.
fn holds_first(name: &str) -> bool {
    matches!(
        name,
        "Option"
            | "Result"
            | "Box"
            | "Arc"
            | "Rc"
            | "Vec"
            | "VecDeque"
            | "Pin"
            | "Mutex"
            | "RwLock"
            | "RefCell"
            | "Cell"
            | "OnceCell"
            | "OnceLock"
            | "Lazy"
            | "LazyLock"
            | "AsyncOnce"
            | "Cow"
            | "HashSet"
            | "BTreeSet"
            | "State"
            | "Extension"
            | "Data"
            | "Json"
            | "Weak"
            | "JoinHandle"
            | "ArcSwap"
            | "BoxFuture"
            | "LocalBoxFuture"
            | "BoxStream"
            | "Sender"
            | "Receiver"
            | "LambdaEvent"
            | "Poll"
            | "PhantomData"
            | "Query"
            | "Path"
    )
}

/// The type of everything that comes from a crate whose own values are sent: HTTP clients, channels. It stays with what
/// their methods give, so that `.send()` there is not taken for the end of an SDK call.
pub fn other_sender(name: &str) -> Option<Ty> {
    matches!(
        name,
        "reqwest"
            | "ureq"
            | "surf"
            | "isahc"
            | "awc"
            | "hyper"
            | "tokio"
            | "futures"
            | "futures_channel"
            | "crossbeam"
            | "crossbeam_channel"
            | "flume"
            | "async_channel"
            | "kanal"
            | "lettre"
            | "tokio_tungstenite"
            | "redis"
            | "sqlx"
            | "reqwest_middleware"
            | "lapin"
            | "amqprs"
            | "async_nats"
            | "rdkafka"
            | "rumqttc"
            | "mongodb"
            | "elasticsearch"
            | "opensearch"
            | "octocrab"
            | "fred"
            | "tokio_postgres"
            | "deadpool_postgres"
            | "diesel"
            | "rusqlite"
            | "tungstenite"
            | "zmq"
    )
    .then(|| Ty::External(Some(Arc::from(format!("{OTHER_SENDER}{name}")))))
}

/// Whether a type comes from a crate that knows nothing of AWS: methods named like operations are its own.
pub fn is_of_other_service(ty: &Ty) -> bool {
    let Ty::External(Some(name)) = ty else {
        return false;
    };
    name.strip_prefix(OTHER_SENDER).is_some_and(|name| {
        // Channels and tasks may hold a client.
        !matches!(
            name,
            "tokio"
                | "futures"
                | "futures_channel"
                | "crossbeam"
                | "crossbeam_channel"
                | "flume"
                | "async_channel"
                | "kanal"
        )
    })
}

/// How the names of such types begin.
pub const OTHER_SENDER: &str = "crate:";

/// The content of an external generic type.
pub fn erase(named: Option<&Name>, args: &[Ty]) -> Ty {
    let external = || Ty::External(named.cloned());
    let name = named.map_or("", |name| name);
    if args.is_empty() {
        return external();
    }
    if matches!(
        name,
        "HashMap" | "BTreeMap" | "IndexMap" | "DashMap" | "FxHashMap" | "AHashMap"
    ) {
        return match args.get(1) {
            Some(value) if value.is_interesting() => value.clone(),
            _ => match args.first() {
                Some(key) if key.is_interesting() => key.clone(),
                _ => external(),
            },
        };
    }
    if holds_first(name) {
        return match args.first() {
            Some(Ty::External(None)) => external(),
            Some(first) => first.clone(),
            None => external(),
        };
    }
    args.iter()
        .find(|arg| arg.is_interesting())
        .cloned()
        .unwrap_or_else(external)
}
