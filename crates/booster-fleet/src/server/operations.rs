//! The operations: what each request gets, from the catalog and the fleet.

use super::{
    State, UpdateService,
    catalog::{Catalog, Update},
    cookie::{NotTaken, Purpose, Ticket},
};
use crate::{Verdict, fleet::is_group};
use booster_sources::PRODUCT;
use booster_wsus::{
    Call, ErrorCode, Fault, Limits, Sha1, Uuid,
    message::{
        AuthPlugIn, AuthorizationCookie, CategoryScan, Cookie, ExtendedInfo, FileLocations,
        GetAuthorizationCookie, GetConfig, GetCookie, GetExtendedUpdateInfo, GetFileLocations, RefreshCache,
        RefreshedCache, RefreshedUpdate, RegisterComputer, Registered, ReportEventBatch, Reported,
        ServerConfig, StartCategoryScan, SyncResult, SyncUpdates, UpdateFragment,
    },
    soap,
};
use jiff::Timestamp;
use std::collections::HashSet;

/// The plug-in that every machine knows.
const PLUG_IN: &str = "SimpleTargeting";
/// What is told of the service's own place.
const AUTHORIZATION_SERVICE: &str = "SimpleAuthWebService/SimpleAuth.asmx";
/// Updates of one answer.
const PAGE: usize = 200;
/// Entries of `InstalledNonLeafUpdateIDs`, as with native servers.
const INSTALLED: usize = 400;
/// Revisions of one `GetExtendedUpdateInfo`.
const REVISIONS: usize = 50;
/// Digests of one `GetFileLocations`, updates of one `RefreshCache`.
const ITEMS: usize = 1000;
/// Categories of one scan.
const CATEGORIES: usize = 200;
/// Events of one report.
const EVENTS: usize = 100;

type Answered<T> = Result<T, Fault>;

fn wrong(parameter: &str) -> Fault {
    Fault::new(ErrorCode::InvalidParameters, parameter)
}

fn at_most<T>(items: &[T], limit: usize, parameter: &str) -> Answered<()> {
    if items.len() > limit { Err(wrong(parameter)) } else { Ok(()) }
}

impl UpdateService {
    /// Answers the operation of this name with a document, or says why not.
    pub(super) async fn perform(&self, operation: &str, document: &[u8]) -> Answered<String> {
        match operation {
            GetConfig::OPERATION => {
                let GetConfig { .. } = read(document)?;
                Ok(soap::answer::<GetConfig>(&self.config()))
            }
            GetAuthorizationCookie::OPERATION => {
                self.authorize(&read(document)?).map(|it| soap::answer::<GetAuthorizationCookie>(&it))
            }
            GetCookie::OPERATION => self.cookie(&read(document)?).map(|it| soap::answer::<GetCookie>(&it)),
            RegisterComputer::OPERATION => {
                self.register(&read(document)?).await.map(|it| soap::answer::<RegisterComputer>(&it))
            }
            StartCategoryScan::OPERATION => {
                self.category_scan(&read(document)?).map(|it| soap::answer::<StartCategoryScan>(&it))
            }
            SyncUpdates::OPERATION => self.sync(&read(document)?).await,
            RefreshCache::OPERATION => {
                self.refresh(&read(document)?).map(|it| soap::answer::<RefreshCache>(&it))
            }
            GetExtendedUpdateInfo::OPERATION => {
                self.extended(&read(document)?).map(|it| soap::answer::<GetExtendedUpdateInfo>(&it))
            }
            GetFileLocations::OPERATION => {
                self.locations(&read(document)?).map(|it| soap::answer::<GetFileLocations>(&it))
            }
            ReportEventBatch::OPERATION => {
                self.report(&read(document)?).await.map(|it| soap::answer::<ReportEventBatch>(&it))
            }
            _ => Err(wrong("the operation is not known")),
        }
    }

    fn config(&self) -> ServerConfig {
        let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        ServerConfig {
            last_change: self.last_change.clone(),
            is_registration_required: true,
            plug_ins: vec![AuthPlugIn {
                id: PLUG_IN.to_owned(),
                service_url: AUTHORIZATION_SERVICE.to_owned(),
                parameter: String::new(),
            }],
            allowed_events: Vec::new(),
            // Native machines fail without these.
            properties: vec![
                property("MaxExtendedUpdatesPerRequest", &REVISIONS.to_string()),
                property("PackageServerShare", ""),
                property("ProtocolVersion", "3.2"),
                property("IsInventoryRequired", "0"),
                property("ClientReportingLevel", "2"),
            ],
        }
    }

    fn authorize(&self, request: &GetAuthorizationCookie) -> Answered<AuthorizationCookie> {
        let machine: Uuid = request.client_id.trim().parse().map_err(|_| wrong("clientId"))?;
        let group = request.target_group.clone().unwrap_or_default();
        if machine.is_nil() || !(group.is_empty() || is_group(&group)) {
            return Err(wrong("targetGroupName"));
        }
        let ticket = self.ticket(machine, group, self.options.authorization_lifetime);
        Ok(AuthorizationCookie {
            plug_in: PLUG_IN.to_owned(),
            data: self.sealer.seal(Purpose::Authorization, &ticket),
        })
    }

    fn cookie(&self, request: &GetCookie) -> Answered<Cookie> {
        if !is_version(&request.protocol_version) {
            return Err(wrong("protocolVersion"));
        }
        let [authorization] = request.authorization.as_slice() else { return Err(wrong("authCookies")) };
        let invalid = || Fault::new(ErrorCode::InvalidAuthorizationCookie, "");
        let opened = self.sealer.open(Purpose::Authorization, &authorization.data);
        let ticket = opened.map_err(|_| invalid())?;
        if ticket.expires <= Timestamp::now() {
            return Err(invalid());
        }
        if request.last_change != self.last_change {
            return Err(Fault::new(ErrorCode::ConfigChanged, ""));
        }
        Ok(self.new_cookie(ticket.machine, ticket.group))
    }

    fn new_cookie(&self, machine: Uuid, group: String) -> Cookie {
        let ticket = self.ticket(machine, group, self.options.cookie_lifetime);
        Cookie::new(ticket.expires, self.sealer.seal(Purpose::Client, &ticket))
    }

    fn ticket(&self, machine: Uuid, group: String, lifetime: std::time::Duration) -> Ticket {
        let expires = Timestamp::now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let revision = self.state().catalog.highest;
        // Whole seconds are kept.
        let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        Ticket { machine, group, config: self.config_second, revision, expires }
    }

    /// What a cookie says, where it is good.
    fn open(&self, cookie: &Cookie) -> Answered<Ticket> {
        let fault = |code| Fault::new(code, "");
        let ticket = match self.sealer.open(Purpose::Client, &cookie.data) {
            Ok(ticket) => ticket,
            Err(NotTaken::Foreign) => return Err(fault(ErrorCode::InvalidCookie)),
            Err(NotTaken::OtherServer) => return Err(fault(ErrorCode::ServerChanged)),
        };
        if ticket.revision > self.state().catalog.highest {
            return Err(fault(ErrorCode::ServerChanged));
        }
        if ticket.expires <= Timestamp::now() {
            return Err(fault(ErrorCode::CookieExpired));
        }
        if ticket.config != self.config_second {
            return Err(fault(ErrorCode::ConfigChanged));
        }
        Ok(ticket)
    }

    async fn register(&self, request: &RegisterComputer) -> Answered<Registered> {
        let ticket = self.open(&request.cookie)?;
        let known = self.is_registered(ticket.machine).await?;
        if !known && !self.may_register().await? {
            return Err(Fault::new(ErrorCode::ServerBusy, "too many machines register"));
        }
        let registered =
            self.fleet.register(ticket.machine, &ticket.group, &request.computer, Timestamp::now()).await;
        registered.map_err(failed)?;
        self.remember(ticket.machine);
        Ok(Registered)
    }

    async fn registered(&self, cookie: &Cookie) -> Answered<Ticket> {
        let ticket = self.open(cookie)?;
        if self.is_registered(ticket.machine).await? {
            return Ok(ticket);
        }
        Err(Fault::new(ErrorCode::RegistrationRequired, ""))
    }

    async fn is_registered(&self, machine: Uuid) -> Answered<bool> {
        if self.remembers(machine) {
            return Ok(true);
        }
        let known = self.fleet.knows(machine).await.map_err(failed)?;
        if known {
            self.remember(machine);
        }
        Ok(known)
    }

    fn category_scan(&self, request: &StartCategoryScan) -> Answered<CategoryScan> {
        at_most(&request.requested, CATEGORIES - 1, "requestedCategories")?;
        let state = self.state();
        let mut scan = CategoryScan::default();
        for requested in &request.requested {
            let known = state.catalog.knows_category(requested.category);
            let list = if known { &mut scan.preferred } else { &mut scan.in_error };
            if !list.contains(&requested.category) {
                list.push(requested.category);
            }
        }
        Ok(scan)
    }

    async fn sync(&self, request: &SyncUpdates) -> Answered<String> {
        let ticket = self.registered(&request.cookie).await?;
        let parameters = &request.parameters;
        at_most(&parameters.installed_non_leaf, INSTALLED, "parameters.InstalledNonLeafUpdateIDs")?;
        self.ledger.asked(ticket.machine, &ticket.group, Timestamp::now());
        let mut result = SyncResult { new_cookie: self.renewed(&ticket), ..SyncResult::default() };
        if parameters.is_driver_pass || parameters.skip_software_sync {
            return Ok(soap::answer::<SyncUpdates>(&result));
        }
        let state = self.state();
        let view = state.view(&ticket.group, self.options.rule);
        let installed: HashSet<i32> = parameters.installed_non_leaf.iter().copied().collect();
        let known: HashSet<i32> = parameters.other_cached.iter().chain(&installed).copied().collect();
        // An update comes when all of its categories are installed, and so in a round after them.
        let has_all = state.catalog.categories().iter().all(|category| installed.contains(category));
        let filter = &parameters.filter_categories;
        let wanted = filter.is_empty()
            || filter.iter().any(|category| *category == PRODUCT || state.catalog.knows_category(*category));
        let new = view.items.iter().filter(|item| !known.contains(&item.id));
        let mut new = new.filter(|item| item.is_category || (has_all && wanted));
        let page: Vec<&str> = new.by_ref().take(PAGE).map(|item| &*item.written).collect();
        result.is_truncated = new.next().is_some();
        let in_scope: HashSet<i32> = view.items.iter().map(|item| item.id).collect();
        result.out_of_scope = known.into_iter().filter(|id| !in_scope.contains(id)).collect();
        result.out_of_scope.sort_unstable();
        Ok(soap::answer_written::<SyncUpdates>(|writer| result.write_with(writer, page.into_iter())))
    }

    /// Another cookie, once half of the time of this one is over.
    fn renewed(&self, ticket: &Ticket) -> Option<Cookie> {
        let left = ticket.expires.duration_since(Timestamp::now()).unsigned_abs();
        (left < self.options.cookie_lifetime / 2)
            .then(|| self.new_cookie(ticket.machine, ticket.group.clone()))
    }

    /// The updates of these ids that the machine gets, and the ids of all others.
    fn given<'a>(&self, state: &'a State, ticket: &Ticket, revisions: &[i32]) -> (Vec<&'a Update>, Vec<i32>) {
        let (mut given, mut others) = (Vec::new(), Vec::new());
        for id in revisions {
            let update = state.catalog.update(*id).filter(|update| {
                let verdict = Catalog::verdict(update, &state.approvals, &ticket.group, self.options.rule);
                verdict != Verdict::Withheld
            });
            match update {
                Some(update) => given.push(update),
                None => others.push(*id),
            }
        }
        (given, others)
    }

    fn extended(&self, request: &GetExtendedUpdateInfo) -> Answered<ExtendedInfo> {
        let ticket = self.open(&request.cookie)?;
        at_most(&request.revisions, REVISIONS, "revisionIDs")?;
        let state = self.state();
        let (given, out_of_scope) = self.given(&state, &ticket, &request.revisions);
        let mut info = ExtendedInfo { out_of_scope, ..ExtendedInfo::default() };
        let wants = |kind: &str| request.fragments.iter().any(|wanted| wanted == kind);
        for update in given {
            if let Some(extended) = update.extended.as_ref().filter(|_| wants("Extended")) {
                info.updates.push(UpdateFragment { id: update.id, xml: extended.clone() });
                let locations = update.files.iter().filter_map(|digest| state.catalog.location(*digest));
                info.locations.extend(locations);
            }
            if wants("LocalizedProperties") {
                info.updates.push(UpdateFragment { id: update.id, xml: update.localized.clone() });
            }
        }
        Ok(info)
    }

    fn locations(&self, request: &GetFileLocations) -> Answered<FileLocations> {
        self.open(&request.cookie)?;
        at_most(&request.digests, ITEMS, "fileDigests")?;
        let state = self.state();
        let locate = |digest: &Sha1| state.catalog.location(*digest);
        Ok(FileLocations { locations: request.digests.iter().filter_map(locate).collect(), new_cookie: None })
    }

    fn refresh(&self, request: &RefreshCache) -> Answered<RefreshedCache> {
        let ticket = self.open(&request.cookie)?;
        at_most(&request.updates, ITEMS, "globalIDs")?;
        let state = self.state();
        let find = |identity| {
            let update = state.catalog.by_identity(identity)?;
            let verdict = Catalog::verdict(update, &state.approvals, &ticket.group, self.options.rule);
            let Verdict::Approved { deadline } = verdict else { return None };
            Some(RefreshedUpdate {
                id: update.id,
                identity,
                is_leaf: !update.is_category,
                deployment: Catalog::deployment(update, deadline),
            })
        };
        Ok(RefreshedCache { updates: request.updates.iter().copied().filter_map(find).collect() })
    }

    async fn report(&self, request: &ReportEventBatch) -> Answered<Reported> {
        let ticket = self.registered(&request.cookie).await?;
        at_most(&request.events, EVENTS, "eventBatch")?;
        // A machine speaks for itself alone, whatever its events say.
        self.ledger.told(ticket.machine, &request.events, Timestamp::now());
        Ok(Reported(true))
    }
}

fn read<C: Call>(document: &[u8]) -> Answered<C> {
    soap::read_request(document, &Limits::REQUEST).map_err(|error| wrong(&error.to_string()))
}

fn failed(error: crate::FleetError) -> Fault {
    // What has failed is for our log; whoever asks learns that it has.
    tracing::error!(%error, "a request could not be served");
    Fault::new(ErrorCode::InternalServerError, "")
}

/// Whether a text is a version as the protocol has them, such as `1.8`.
fn is_version(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.len() < 6 && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}
