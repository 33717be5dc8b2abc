//! Texts in which `{here}` stands for the folder of the file.

use std::path::Path;

/// What is replaced.
const HERE: &str = "{here}";

/// The text with the folder in its place.
pub(super) fn filled(text: &str, here: &Path) -> String {
    text.replace(HERE, &here.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn here_is_the_folder_of_the_file() {
        let here = Path::new("/srv/worker");
        assert_eq!(filled("{here}/a.py", here), "/srv/worker/a.py");
        assert_eq!(
            filled("--path={here}:{here}/lib", here),
            "--path=/srv/worker:/srv/worker/lib"
        );
        assert_eq!(filled("{there}", here), "{there}");
    }
}
