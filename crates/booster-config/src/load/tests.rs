mod update_servers;

use super::*;
use crate::{Expiry, Interval};
use booster_sources::SourceKind;

fn load_file(text: &str) -> Result<Loaded, ConfigError> {
    load(text, &[])
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE_NAME);
    fs::write(&file, text).unwrap();
    let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    Layers { file: FileChoice::Named(file), variables, flags: Flags::default() }.load()
}

fn place(error: &ConfigError) -> (usize, usize) {
    match error {
        ConfigError::File { position: Some(position), .. } => (position.line, position.column),
        other => panic!("no position in {other:?}"),
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_file_line_and_column() {
    for (text, line, column, key) in [
        ("data_dri = \"x\"\n", 1, 1, "data_dri"),
        ("\n[store]\nkeep = 2\n  kepe = 3\n", 4, 3, "kepe"),
        ("[http]\n[http.proxie]\n", 2, 7, "proxie"),
        ("[[sources]]\nkind = \"http\"\nurl = \"http://x/\"\nulr = \"y\"\n", 4, 1, "ulr"),
        (
            "[[sources]]\nkind=\"http\"\nurl=\"http://x/\"\n[sources.http]\nca_bundel=\"y\"\n",
            5,
            1,
            "ca_bundel",
        ),
    ] {
        let error = load_file(text).unwrap_err();
        assert_eq!(place(&error), (line, column), "{error}");
        let message = error.to_string();
        assert!(message.contains(key) && message.contains("booster.toml:"), "{message}");
    }
}

#[test]
fn a_wrong_value_is_an_error_at_its_line() {
    for (text, line) in [
        ("[store]\nkeep = \"three\"\n", 2),
        ("[freshness]\nmax_age = \"3 weeks\"\n", 2),
        ("components = [\"antivirus\",\n \"antivrius\"]\n", 2),
        ("sources = [\"http://ok/\",\n\"ftp://no/\"]\n", 2),
        ("\n\n[[sources]]\nkind = \"directory\"\n", 3),
        ("a = = 1", 1),
    ] {
        let error = load_file(text).unwrap_err();
        assert_eq!(place(&error).0, line, "{error}");
    }
}

#[test]
fn each_layer_covers_the_one_before() {
    let text = "data_dir = \"/file\"\n[store]\nkeep = 5\n[freshness]\nexpiry = \"signed-time\"\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.toml");
    fs::write(&file, text).unwrap();
    let layers = Layers {
        file: FileChoice::Named(file.clone()),
        variables: vec![
            ("BOOSTER_DATA_DIR".into(), "/variable".into()),
            ("BOOSTER_STORE__KEEP".into(), "7".into()),
        ],
        flags: Flags { data_dir: Some("/flag".into()), root: None },
    };
    let loaded = layers.load().unwrap();
    assert_eq!(loaded.settings.data_dir, Path::new("/flag"));
    assert_eq!(loaded.settings.store.keep, 7);
    assert_eq!(loaded.settings.freshness.expiry, Expiry::SignedTime);
    assert_eq!(loaded.settings.freshness.out_of_date_after, Interval::days(7));
    assert_eq!(loaded.file, Some(file));
    assert_eq!(loaded.variables, ["BOOSTER_DATA_DIR", "BOOSTER_STORE__KEEP"]);
}

#[test]
fn a_variables_text_may_look_like_a_number() {
    let loaded = load("", &[("BOOSTER_HTTP__PROXY_PASSWORD", "0123"), ("BOOSTER_DATA_DIR", "7")]).unwrap();
    assert_eq!(loaded.settings.http.proxy_password.unwrap().reveal(), "0123");
    assert_eq!(loaded.settings.data_dir, Path::new("7"));
}

#[test]
fn lists_in_variables_have_commas() {
    let variables =
        [("BOOSTER_COMPONENTS", "antivirus, nis"), ("BOOSTER_SOURCES", "https://a.example/,/media/usb")];
    let settings = load("", &variables).unwrap().settings;
    assert_eq!(settings.components.len(), 2);
    let kinds: Vec<_> = settings.sources.iter().map(|s| s.kind).collect();
    assert_eq!(kinds, [SourceKind::Http, SourceKind::Directory]);
}

#[test]
fn a_variable_with_a_wrong_value_or_key_is_named() {
    for (name, value) in
        [("BOOSTER_STORE__KEEP", "many"), ("BOOSTER_STORE__KEPE", "3"), ("BOOSTER_STORE", "3")]
    {
        let error = load("", &[(name, value)]).unwrap_err();
        assert!(matches!(&error, ConfigError::Variable { name: named, .. } if named == name), "{error}");
    }
}

#[test]
fn a_variable_that_names_no_setting_is_reported_and_passed_over() {
    let loaded = load(
        "",
        &[
            ("BOOSTER_SERVICE_HOST", "10.0.0.1"),
            ("BOOSTER_CONFIG", "x"),
            ("BOOSTER_KEY_ROOT_1", "z"),
            ("HOME", "y"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.unknown_variables, ["BOOSTER_SERVICE_HOST"]);
}

#[test]
fn relative_paths_in_a_file_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE_NAME);
    let text = "data_dir = \"data\"\nroot = \"/abs/root.json\"\nsources = [\"http://x/\", \"usb\"]\n[publish]\nkeys = \"k\"\nrepository = \"s3://bucket/x\"\n[http]\nca_bundle = \"ca.pem\"\n";
    fs::write(&file, text).unwrap();
    let layers = Layers { file: FileChoice::Named(file), ..Layers::default() };
    let settings = layers.load().unwrap().settings;
    assert_eq!(settings.data_dir, dir.path().join("data"));
    assert_eq!(settings.root.as_deref(), Some(Path::new("/abs/root.json")));
    assert_eq!(settings.http.ca_bundle, Some(dir.path().join("ca.pem")));
    assert_eq!(settings.publish.key_folder(), dir.path().join("k"));
    assert_eq!(settings.publish.location(), "s3://bucket/x");
    assert_eq!(settings.sources[1].path, Some(dir.path().join("usb")));
    assert_eq!(settings.sources[0].url.as_ref().unwrap().as_str(), "http://x/");
}

#[test]
fn a_named_file_must_exist_and_a_default_one_need_not() {
    let missing = tempfile::tempdir().unwrap().path().join("none.toml");
    let named = Layers { file: FileChoice::Named(missing.clone()), ..Layers::default() };
    assert!(matches!(named.load(), Err(ConfigError::Unreadable { .. })));
    let looked_for = Layers { file: FileChoice::FirstOf(vec![missing]), ..Layers::default() };
    assert_eq!(looked_for.load().unwrap().file, None);
}

#[test]
fn the_settings_in_force_are_a_valid_file_themselves() {
    let text = "sources = [\"https://a.example/\"]\n[http]\nproxy_password = \"secret\"\n";
    let settings = load_file(text).unwrap().settings;
    let shown = toml::to_string(&settings).unwrap();
    assert!(!shown.contains("secret"), "{shown}");
    let mut again = load_file(&shown).unwrap().settings;
    again.http.proxy_password = settings.http.proxy_password.clone();
    assert_eq!(again, settings);
}

#[test]
fn no_rate_and_no_budget_are_written_as_nothing_and_mean_no_limit() {
    let settings = |text: &str| load_file(text).unwrap().settings;
    let usual = settings("").update_options();
    assert_eq!((usual.transfer.rate, usual.download.daily_budget), (None, Some(2 << 30)));
    let set = settings("[transfer]\nmax_rate = \"64KiB\"\ndaily_budget = \"0B\"\n").update_options();
    assert_eq!(set.transfer.rate.map(|rate| rate.bytes_per_second()), Some(64 << 10));
    assert_eq!(set.download.daily_budget, None);
}

#[cfg(not(windows))]
#[test]
fn the_default_folders_follow_the_user() {
    let user = |name: &str| match name {
        "HOME" => Some(OsString::from("/home/u")),
        _ => None,
    };
    let xdg = |name: &str| Some(OsString::from(if name == "HOME" { "/home/u" } else { "/xdg" }));
    let relative = |name: &str| Some(OsString::from(if name == "HOME" { "/home/u" } else { "xdg" }));
    assert_eq!(data_dir_of(false, &user), Path::new("/home/u/.local/share/booster"));
    assert_eq!(data_dir_of(false, &xdg), Path::new("/xdg/booster"));
    assert_eq!(data_dir_of(false, &relative), Path::new("/home/u/.local/share/booster"));
    assert_eq!(data_dir_of(true, &xdg), Path::new("/var/lib/booster"));
    assert_eq!(data_dir_of(false, &|_| None), Path::new("/var/lib/booster"));
    assert_eq!(default_files(&user)[0], Path::new("/home/u/.config/booster/booster.toml"));
    assert_eq!(default_files(&user)[1], Path::new("/etc/booster/booster.toml"));
}

#[test]
fn a_named_worker_goes_before_the_one_that_was_found() {
    let worker = |text: &str| {
        let worker = load_file(text).unwrap().settings.worker("/found".into(), vec!["as-found".into()]);
        (worker.program, worker.args)
    };
    assert_eq!(worker(""), ("/found".into(), vec!["as-found".into()]));
    // The command line has to be told; every other program is a worker by itself.
    for (program, arguments) in [("booster", vec!["engine-worker".into()]), ("booster-engine-worker", vec![])]
    {
        let text = format!("[engine]\nworker = \"/opt/{program}\"\n");
        assert_eq!(worker(&text), (Path::new("/opt").join(program), arguments));
    }
}

#[test]
fn a_duration_of_the_schedule_out_of_its_bounds_is_an_error_that_names_line_and_bounds() {
    for (key, value, bounds) in [
        ("update_interval", "59m", "\"0s\", or \"1h\" to \"24h\""),
        ("update_interval", "25h", "\"0s\", or \"1h\" to \"24h\""),
        ("catchup_interval", "23h", "\"0s\", or \"1d\" to \"4294967295d\""),
        ("grace_period", "1s", "\"0s\", or \"1m\" to \"4294967295m\""),
        ("first_grace_period", "19m", "\"20m\" to \"4320m\""),
        ("first_grace_period", "0s", "\"20m\" to \"4320m\""),
        ("randomization_time", "24h", "\"0s\", or \"1m\" to \"23h\""),
        ("first_retry", "0s", "\"1m\" to \"24h\""),
        ("longest_retry", "25h", "\"1m\" to \"24h\""),
        ("link_timeout", "2m", "\"1s\" to \"1m\""),
    ] {
        let error = load_file(&format!("[schedule]\n\n{key} = \"{value}\"\n")).unwrap_err();
        assert_eq!(place(&error).0, 3, "{error}");
        let message = error.to_string();
        assert!(message.contains(bounds) && message.contains(value), "{message}");
    }
    for text in
        ["update_interval = \"0s\"", "update_interval = \"24h\"", "catchup_interval = \"4294967295d\""]
    {
        load_file(&format!("[schedule]\n{text}\n")).unwrap();
    }
    let error = load("", &[("BOOSTER_SCHEDULE__UPDATE_INTERVAL", "30h")]).unwrap_err().to_string();
    assert!(error.contains("BOOSTER_SCHEDULE__UPDATE_INTERVAL") && error.contains("24h"), "{error}");
}

#[test]
fn a_day_has_a_name_and_a_number_and_a_time_has_hours_and_minutes() {
    use crate::Day;
    use jiff::civil::{Weekday, time};
    for (written, day) in [
        ("\"daily\"", Day::Daily),
        ("0", Day::Daily),
        ("\"0\"", Day::Daily),
        ("\"Sunday\"", Day::Weekly(Weekday::Sunday)),
        ("1", Day::Weekly(Weekday::Sunday)),
        ("7", Day::Weekly(Weekday::Saturday)),
        ("8", Day::Never),
    ] {
        let text = format!("[schedule]\nday = {written}\ntime = \"23:05\"\n");
        let schedule = load_file(&text).unwrap().settings.schedule;
        assert_eq!((schedule.day, schedule.time), (day, time(23, 5, 0, 0)), "{written}");
    }
    for wrong in ["day = 9", "day = -1", "day = \"sun\"", "time = \"24:00\"", "time = \"1\"", "time = 90"] {
        let error = load_file(&format!("[schedule]\n{wrong}\n")).unwrap_err();
        assert_eq!(place(&error).0, 2, "{error}");
    }
    let variable = load("", &[("BOOSTER_SCHEDULE__DAY", "3")]).unwrap();
    assert_eq!(variable.settings.schedule.day, Day::Weekly(Weekday::Tuesday));
}

/// The file that explains every setting.
const EXAMPLE: &str = include_str!("../../../../booster.example.toml");

/// The example with its settings in force: a line of words begins with `# `, a setting with `#`.
fn example_in_force() -> String {
    let line =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let lines: Vec<String> = EXAMPLE.lines().map(line).collect();
    lines.join("\n")
}

#[test]
fn the_example_changes_nothing_until_something_in_it_is_changed() {
    assert_eq!(load_file(EXAMPLE).unwrap().settings, Settings::default());
}

#[test]
fn every_setting_of_the_example_can_be_used() {
    // The list and the tables are two ways to write the same; a file has one of them.
    let text = example_in_force();
    let list: String = text.split("[[sources]]").next().unwrap().to_owned();
    let engines = load_file(&list).unwrap().settings.adapters();
    let kinds: Vec<_> = engines.iter().map(|adapter| adapter.engine.kind()).collect();
    assert_eq!(kinds, ["clamd", "suricata", "command"]);
    let tables = text.replace("sources = [", "#sources = [");
    for (text, sources) in [(list, 3), (tables, 4)] {
        let settings = load_file(&text).unwrap().settings;
        assert_eq!(settings.sources.len(), sources);
        let choice = crate::SourceChoice { kind: Some(SourceKind::Directory), from: None };
        assert_eq!(settings.sources(&choice).unwrap().len(), 1);
    }
}

#[test]
fn the_example_explains_every_setting_with_its_default() {
    let shown: toml::Table =
        toml::from_str(&example_in_force().replace("sources = [", "#sources = [")).unwrap();
    let defaults = toml::Table::try_from(Settings::default()).unwrap();
    for (name, default) in &defaults {
        match (default, shown.get(name)) {
            (_, None) => panic!("{name} is not explained"),
            (toml::Value::Table(table), Some(shown)) => {
                for (key, default) in table {
                    assert_eq!(shown.get(key), Some(default), "{name}.{key}");
                }
            }
            // These depend on the machine.
            (_, Some(_)) if name == "data_dir" || name == "sources" || name == "engines" => {}
            (default, Some(shown)) => assert_eq!(shown, default, "{name}"),
        }
    }
}

#[test]
fn an_engine_that_cannot_work_is_an_error_at_its_line_that_says_what_to_do() {
    let clamd = "[[engines]]\nkind = \"clamd\"\nfolder = \"/db\"\nsocket = \"/s\"\n";
    for (text, line, words) in [
        ("[[engines]]\nkind = \"clamd\"\nsocket = \"/s\"\n", 1, "needs the key \"folder\""),
        ("[[engines]]\nkind = \"suricata\"\nfolder = \"/r\"\nsocket = \"/s\"\n", 1, "\"config\""),
        ("[[engines]]\nkind = \"command\"\n", 1, "needs the key \"reload\""),
        ("[[engines]]\nkind = \"command\"\nreload = [\"x\"]\nsocket = \"/s\"\n", 1, "means nothing"),
        ("[[engines]]\nkind = \"clamav\"\n", 2, "clamav"),
        (&format!("{clamd}foldre = \"x\"\n"), 5, "foldre"),
        (&format!("{clamd}components = []\n"), 1, "at least one component"),
        (&format!("{clamd}files = [\"*.hsb\"]\n"), 1, "without a dot"),
        (&format!("{clamd}reload = [\"x\"]\n"), 1, "means nothing"),
        (&clamd.replace("\"/s\"", "\"192.0.2.1:3310\""), 1, "not this machine"),
        (&format!("{clamd}{clamd}"), 1, "two engines are called \"clamd\""),
        (&format!("{clamd}{clamd}name = \"other\"\n"), 1, "a folder of its own"),
    ] {
        let error = load_file(text).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
        assert_eq!(place(&error).0, line, "{message}");
    }
}

#[test]
fn paths_of_an_engine_are_relative_to_the_file_and_its_address_and_program_are_none() {
    let text = "[[engines]]\nkind = \"clamd\"\nfolder = \"db\"\nsocket = \"127.0.0.1:3310\"\nprogram = \"clamscan\"\n\
                [[engines]]\nkind = \"suricata\"\nfolder = \"rules\"\nsocket = \"s\"\nconfig = \"s.yaml\"\n";
    let settings = load_file(text).unwrap().settings;
    let shown = toml::to_string(&settings).unwrap();
    for path in ["/db\"", "/rules\"", "/s\"", "/s.yaml\""] {
        assert!(shown.contains(path), "{path}: {shown}");
    }
    assert!(shown.contains("\"clamscan\"") && shown.contains("\"127.0.0.1:3310\""), "{shown}");
    assert_eq!(load_file(&shown).unwrap().settings.adapters(), settings.adapters());
}

#[test]
fn every_configuration_in_the_guides_can_be_used() {
    let guide = include_str!("../../../../docs/administrator-guide.md");
    let guide = guide.to_owned() + include_str!("../../../../docs/engines.md");
    let blocks: Vec<_> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        load_file(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}
