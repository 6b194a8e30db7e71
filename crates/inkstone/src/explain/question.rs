//! What is asked: why this class, or why this class and not that one.

use super::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::predict::argmax;
use crate::spec::nearest::nearest;

/// The number that a map takes apart: `F = z[class]`, or `F = z[class] − z[against]`, of the logits z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) class: usize,
    pub(super) against: Option<usize>,
}

impl Question {
    /// As the request says; the class that is left open is the most probable, or, where that is the one to compare with,
    /// the second.
    pub(super) fn new(request: &Request<'_>, classes: &[String], probabilities: &[f64]) -> Result<Self> {
        let against = request.against.as_deref().map(|name| find(name, classes, "against")).transpose()?;
        let class = match &request.class {
            Some(name) => find(name, classes, "class")?,
            None => {
                let mut open = probabilities.to_vec();
                if let Some(against) = against {
                    open[against] = f64::NAN;
                }
                argmax(&open)
            }
        };
        if against == Some(class) {
            let found = format!("`{}` twice", classes[class]);
            return Err(Error::mismatch(ErrorKind::Usage, "two different classes", found).with_place("against"));
        }
        Ok(Self { class, against })
    }

    /// F of an image's logits.
    pub(super) fn value(self, logits: &[f32]) -> f64 {
        f64::from(logits[self.class]) - self.against.map_or(0.0, |against| f64::from(logits[against]))
    }

    /// Writes d F / d logits.
    pub(super) fn write_slope(self, d_logits: &mut [f32]) {
        d_logits.fill(0.0);
        d_logits[self.class] = 1.0;
        if let Some(against) = self.against {
            d_logits[against] = -1.0;
        }
    }
}

fn find(name: &str, classes: &[String], place: &str) -> Result<usize> {
    classes.iter().position(|class| class == name).ok_or_else(|| {
        let names: Vec<&str> = classes.iter().map(String::as_str).collect();
        let error = Error::mismatch(ErrorKind::Usage, "a class of the model", format!("`{name}`")).with_place(place);
        match nearest(name, &names) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None if names.len() <= 20 => error.with_help(format!("its classes are {}", names.join(", "))),
            None => error.with_help("`inkstone inspect MODEL` lists its classes"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_class_is_the_most_probable_that_is_not_compared_with() {
        let classes = ["4", "9", "7"].map(str::to_owned);
        let ask = |class: Option<&str>, against: Option<&str>| {
            let [class, against] = [class, against].map(|name| name.map(str::to_owned));
            Question::new(&Request { class, against, ..Request::default() }, &classes, &[0.2, 0.7, 0.1])
        };
        assert_eq!(ask(None, None).unwrap(), Question { class: 1, against: None });
        assert_eq!(ask(None, Some("9")).unwrap(), Question { class: 0, against: Some(1) });
        assert_eq!(ask(Some("7"), Some("9")).unwrap().value(&[1.0, 2.0, 5.0]), 3.0);
        let error = ask(Some("four"), None).unwrap_err().to_string();
        assert_eq!(error, "class: expected a class of the model, found `four`; its classes are 4, 9, 7");
        assert!(ask(Some("9"), Some("9")).is_err());
    }
}
