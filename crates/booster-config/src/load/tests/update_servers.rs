//! Update servers, and the order of sources by Defender's names.

use super::*;

#[test]
fn a_fallback_order_puts_the_sources_into_its_order_and_leaves_out_the_rest() {
    let text = "fallback_order = \"InternalDefinitionUpdateServer|FileShares\"\n\
                [[sources]]\nkind = \"directory\"\npath = \"/a\"\n\
                [[sources]]\nkind = \"http\"\nurl = \"https://b/\"\n\
                [[sources]]\nkind = \"managed\"\nurl = \"https://c/\"\n";
    let settings = load_file(text).unwrap().settings;
    let kinds = |choice: &crate::SourceChoice| -> Vec<SourceKind> {
        settings.sources(choice).unwrap().iter().map(|source| source.kind()).collect()
    };
    assert_eq!(kinds(&crate::SourceChoice::default()), [SourceKind::Managed, SourceKind::Directory]);
    // Who names a kind gets it.
    let http = crate::SourceChoice { kind: Some(SourceKind::Http), from: None };
    assert_eq!(kinds(&http), [SourceKind::Http]);
    let error = load_file("fallback_order = \"Internet\"\n").unwrap_err().to_string();
    assert!(error.contains("InternalDefinitionUpdateServer"), "{error}");
}

#[test]
fn each_name_of_defenders_stands_for_its_kinds_of_sources_in_the_order_of_the_names() {
    use SourceKind::*;
    let tables = "[[sources]]\nkind = \"unc\"\npath = '\\\\server\\share\\set'\n[sources.unc]\nguest = true\n\
                  [[sources]]\nkind = \"unmanaged\"\nurl = \"https://a/\"\n\
                  [[sources]]\nkind = \"managed\"\nurl = \"https://b/\"\n\
                  [[sources]]\nkind = \"directory\"\npath = \"/c\"\n\
                  [[sources]]\nkind = \"http\"\nurl = \"https://d/\"\n";
    for (order, expected) in [
        ("MMPC", vec![Http]),
        ("MicrosoftUpdateServer", vec![Unmanaged]),
        ("InternalDefinitionUpdateServer", vec![Managed]),
        // Both kinds, as they stand in the file.
        ("FileShares", vec![Unc, Directory]),
        ("MMPC|MicrosoftUpdateServer|FileShares", vec![Http, Unmanaged, Unc, Directory]),
        (
            "FileShares|MicrosoftUpdateServer|MMPC|InternalDefinitionUpdateServer",
            vec![Unc, Directory, Unmanaged, Http, Managed],
        ),
    ] {
        let settings = load_file(&format!("fallback_order = \"{order}\"\n{tables}")).unwrap().settings;
        let sources = settings.sources(&crate::SourceChoice::default()).unwrap();
        assert_eq!(sources.iter().map(|source| source.kind()).collect::<Vec<_>>(), expected, "{order}");
    }
}

#[test]
fn what_an_update_server_is_asked_and_may_cost_can_be_set() {
    let text = "[[sources]]\nkind = \"managed\"\nurl = \"https://a/\"\n[sources.wsus]\n\
                ancestors = [\"56309036-4c77-4dd9-951a-99ee9c246a94\"]\nconversation_time = \"90s\"\n\
                conversation_bytes = \"2MiB\"\n";
    let settings = load_file(text).unwrap().settings;
    let wsus = settings.wsus_options(&settings.sources[0]).unwrap();
    assert_eq!(wsus.ancestors[0].to_string(), "56309036-4c77-4dd9-951a-99ee9c246a94");
    assert_eq!((wsus.conversation_time.as_secs(), wsus.conversation_bytes), (90, 2 << 20));
    let wrong = text.replace("2MiB", "a lot");
    assert!(load_file(&wrong).unwrap_err().to_string().contains("a lot"));
}

#[test]
fn an_update_server_has_to_be_reached_by_tls_unless_that_is_said() {
    let managed = |url: &str, more: &str| {
        let text = format!("[[sources]]\nkind = \"managed\"\nurl = \"{url}\"\n[sources.wsus]\n{more}\n");
        let settings = load_file(&text).unwrap().settings;
        settings.sources(&crate::SourceChoice::default()).map(|sources| sources.len())
    };
    assert!(managed("http://a:8530/", "").unwrap_err().to_string().contains("plain_http"));
    assert_eq!(managed("http://a:8530/", "plain_http = true").unwrap(), 1);
    assert_eq!(managed("https://a:8531/", "target_group = \"x\"").unwrap(), 1);
    for wrong in [
        "[[sources]]\nkind = \"managed\"\n",
        "[[sources]]\nkind = \"unmanaged\"\nurl = \"https://a/\"\npath = \"/b\"\n",
        "[[sources]]\nkind = \"http\"\nurl = \"https://a/\"\n[sources.wsus]\nplain_http = true\n",
    ] {
        assert!(load_file(wrong).is_err(), "{wrong}");
    }
}
