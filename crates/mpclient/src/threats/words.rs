//! A threat in words, in English: what definitions say, and that they say no more.

use super::Threat;

/// What `MPTHREAT_LOCALIZED_INFO` says of a threat. What is not known is said to be, or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The category's name.
    pub category: &'static str,
    /// What the category is.
    pub category_description: &'static str,
    /// The severity's name.
    pub severity: &'static str,
    /// What the severity means.
    pub severity_description: &'static str,
    /// What has found it.
    pub short_description: String,
    /// The action that is suggested: none.
    pub default_action: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// A page about it: none.
    pub url: &'static str,
}

impl Threat {
    /// The threat in words.
    pub fn words(&self) -> Words {
        Words {
            category: "Unknown",
            category_description: "The definitions name no category.",
            severity: "Unknown",
            severity_description: "The definitions name no severity.",
            short_description: self.description(),
            default_action: "",
            advice: "Threats are reported and nothing is done to files: remove or isolate them.",
            url: "",
        }
    }

    fn description(&self) -> String {
        let by = &self.found_by;
        let definitions = format!("{} in the {} definitions {}", by.file, by.component, by.version);
        match &by.rule {
            Some(rule) => format!("{}: found by the rule {rule} of {definitions}.", by.threat),
            None => format!("{}: found by the list {definitions}.", by.threat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::Component;
    use booster_engine::Detection;

    fn described(rule: Option<&str>) -> String {
        let found_by = Detection {
            threat: "Example.Threat".into(),
            file: "rules/a.yar".into(),
            rule: rule.map(str::to_owned),
            component: Component::Antivirus,
            version: "1.2.3.4".parse().unwrap(),
        };
        Threat { id: 1, found_by, time: 0, files: Vec::new() }.words().short_description
    }

    #[test]
    fn the_description_says_what_has_found_it() {
        assert_eq!(
            described(Some("Example")),
            "Example.Threat: found by the rule Example of rules/a.yar in the antivirus definitions 1.2.3.4."
        );
        assert_eq!(
            described(None),
            "Example.Threat: found by the list rules/a.yar in the antivirus definitions 1.2.3.4."
        );
    }
}
