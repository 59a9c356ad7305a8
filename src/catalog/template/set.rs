//! The policy templates in force: the built-in ones, and those of a user's folders, which take their place by id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Template;
use super::builtin;
use super::parse::{TemplateError, parse};
use crate::catalog::nearest::nearest;

/// A template with the file it stands in.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The template.
    pub template: Template,
    /// The file: below `policy-templates/` for a built-in one, else its path.
    pub file: String,
    /// The file's text.
    pub text: String,
    /// Whether it is built in.
    pub built_in: bool,
    /// The file whose template it takes the place of.
    pub instead_of: Option<String>,
}

/// Templates by id.
#[derive(Clone, Debug, Default)]
pub struct TemplateSet {
    by_id: BTreeMap<String, Placed>,
}

impl TemplateSet {
    /// The built-in templates.
    pub fn built_in() -> Self {
        let mut set = Self::default();
        for (file, text) in builtin::FILES {
            // `tests::every_built_in_template_is_valid` keeps this from ever leaving one out.
            if let Ok(template) = parse(file, text) {
                set.put(template, (*file).to_owned(), (*text).to_owned(), true);
            }
        }
        set
    }

    /// Adds the templates of a folder and the folders in it, `*.toml` in the order of their names; one whose id is there
    /// already takes its place. The errors say which files were left out.
    ///
    /// Names that start with `_` or `.` are passed over.
    pub fn add_folder(&mut self, folder: &Path) -> Vec<TemplateError> {
        let mut files = Vec::new();
        let mut errors = Vec::new();
        collect(folder, &mut files, &mut errors);
        files.sort();
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for file in files {
            let shown = file.display().to_string();
            let text = match std::fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) => {
                    errors.push(unreadable(&file, &error));
                    continue;
                }
            };
            match parse(&shown, &text) {
                Err(error) => errors.push(error),
                Ok(template) => match own.get(&template.id) {
                    Some(first) => errors.push(TemplateError::at(
                        &shown,
                        &text,
                        &template.id,
                        format!("the id `{}` stands in `{first}` already", template.id),
                    )),
                    None => {
                        own.insert(template.id.clone(), shown.clone());
                        self.put(template, shown, text, false);
                    }
                },
            }
        }
        errors
    }

    fn put(&mut self, template: Template, file: String, text: String, built_in: bool) {
        let instead_of = self.by_id.get(&template.id).map(|before| before.file.clone());
        let placed = Placed {
            file,
            text,
            built_in,
            instead_of,
            template,
        };
        self.by_id.insert(placed.template.id.clone(), placed);
    }

    /// Every template, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Placed> {
        self.by_id.values()
    }

    /// The template with an id.
    pub fn get(&self, id: &str) -> Option<&Placed> {
        self.by_id.get(id)
    }

    /// The ids that an unknown one is near to.
    pub fn similar(&self, id: &str) -> Vec<&str> {
        nearest(id, self.by_id.keys().map(String::as_str), 3)
    }

    /// The templates alone, sorted by id.
    pub fn into_templates(self) -> Vec<Template> {
        self.by_id.into_values().map(|placed| placed.template).collect()
    }
}

/// The template files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>, errors: &mut Vec<TemplateError>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(unreadable(folder, &error));
            return;
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with(['_', '.']) {
            continue;
        }
        // A link to a folder may lead back here.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files, errors);
        } else if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            files.push(path);
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> TemplateError {
    TemplateError {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        message: format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn template(id: &str, title: &str) -> String {
        format!(
            "schema = 1\nid = \"{id}\"\nkind = \"baseline\"\ntitle = \"{title}\"\n\n[[statement]]\n\
             actions = \"logs:PutLogEvents\"\nresources = \"*\"\nreason = \"R\"\n"
        )
    }

    #[test]
    fn a_folder_adds_templates_and_takes_the_place_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("own.toml", &template("baseline/acme", "ACME"));
        write("deeper/logs.toml", &template("baseline/logs", "Ours"));
        write("_draft.toml", "not read");
        write("notes.md", "not read");
        write("wrong.toml", "schema = 1\nid = \"x\"\nkinds = \"baseline\"\n");
        write("z-again.toml", &template("baseline/acme", "Again"));

        let mut set = TemplateSet::built_in();
        let before = set.iter().count();
        let errors: Vec<String> = set
            .add_folder(folder.path())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(errors.len(), 2, "{errors:#?}");
        assert!(
            errors
                .iter()
                .any(|error| error.ends_with("wrong.toml:3:1: unknown key `kinds`; did you mean `kind`?"))
        );
        assert!(
            errors
                .iter()
                .any(|error| error.contains("z-again.toml:2:6: the id `baseline/acme` stands in"))
        );

        assert_eq!(set.iter().count(), before + 1);
        assert_eq!(set.get("baseline/acme").unwrap().template.title, "ACME");
        let logs = set.get("baseline/logs").unwrap();
        assert_eq!(logs.template.title, "Ours");
        assert_eq!(logs.instead_of.as_deref(), Some("runtime/logs.toml"));
        assert!(!logs.built_in);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let mut set = TemplateSet::built_in();
        let errors = set.add_folder(Path::new("no/such/folder"));
        assert!(
            errors
                .first()
                .unwrap()
                .to_string()
                .starts_with("no/such/folder:1:1: cannot be read")
        );
    }
}
