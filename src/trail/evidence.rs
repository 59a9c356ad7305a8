//! Observations in the words of all readers: what counts as a need, and a summary for the report.

use super::{Class, Observation, Trail};
use crate::usage::{Because, BecauseKind, Confidence, Usage};

impl Observation {
    /// The need that this observation proves; `None` for what Lambda does on its own (templates know it), for refused
    /// calls (an attempt is no need) and for events without a known operation.
    pub fn usage(&self) -> Option<Usage> {
        self.usage_as(&self.class)
    }

    /// What a refused call was after; `None` for any other observation.
    pub fn attempt(&self) -> Option<Usage> {
        match &self.class {
            Class::Denied { caller, .. } => self.usage_as(caller),
            _ => None,
        }
    }

    /// What an endpoint of a network saw of a call that went through: the operation, on a resource that is not told. `None` for
    /// any other observation.
    pub fn at_endpoint(&self) -> Option<Usage> {
        match &self.class {
            Class::Network => self.usage_as(&Class::Call).map(|mut usage| {
                usage
                    .because
                    .note
                    .push_str("; a VPC endpoint saw it, which names no resource");
                usage
            }),
            _ => None,
        }
    }

    /// What was called, whoever called and whatever came of it; `None` for events without a known operation, and for what an
    /// endpoint of a network saw.
    pub fn called(&self) -> Option<Usage> {
        let class = match &self.class {
            Class::Denied { caller, .. } => caller.as_ref(),
            class => class,
        };
        match class {
            Class::Platform(_) | Class::Poller => self.usage_as(&Class::Call),
            class => self.usage_as(class),
        }
    }

    fn usage_as(&self, class: &Class) -> Option<Usage> {
        let via_service = match class {
            Class::Call => None,
            Class::ForwardAccess { via } => via.strip_suffix(".amazonaws.com").map(|service| {
                let service = service.split('.').next().unwrap_or(service);
                format!("{service}.${{AWS::Region}}.amazonaws.com")
            }),
            Class::Platform(_) | Class::Poller | Class::Network | Class::Denied { .. } => return None,
        };
        let operation = self.operation.clone()?;
        let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
        let failed = if self.error_only {
            ", all failed for other reasons than permissions"
        } else {
            ""
        };
        let calls = match (self.count, self.estimated) {
            (1, _) => "1 call".to_owned(),
            (count, false) => format!("{count} calls"),
            (count, true) => format!("about {count} calls"),
        };
        let note = format!(
            "{calls} recorded, {} to {}{failed}",
            day(&self.first),
            day(&self.last)
        );
        Some(Usage {
            because: Because {
                kind: BecauseKind::Trail,
                operation: Some(operation.clone()),
                location: None,
                note,
            },
            operation,
            inputs: self.inputs.clone(),
            arns: self.arns.iter().cloned().collect(),
            via_service,
            confidence: if self.error_only {
                Confidence::Medium
            } else {
                Confidence::High
            },
        })
    }
}

impl Trail {
    /// One line for reports: `CloudTrail 2026-11-04..2026-11-17: 812 events`.
    pub fn summary(&self) -> String {
        let day = |time: &Option<String>| {
            time.as_deref()
                .and_then(|time| time.get(..10))
                .unwrap_or("?")
                .to_owned()
        };
        let sources: Vec<&str> = self
            .data_event_sources
            .iter()
            .map(|source| source.trim_end_matches(".amazonaws.com"))
            .collect();
        let data = if sources.is_empty() {
            "no data events".to_owned()
        } else {
            format!("data events of {}", sources.join(", "))
        };
        format!(
            "CloudTrail {}..{}: {}{} events, {data}",
            day(&self.first),
            day(&self.last),
            if self.estimated { "about " } else { "" },
            self.events
        )
    }
}
