//! The operations: what each request gets, from the catalog and the fleet.

use super::{
    State, UpdateService,
    catalog::{Catalog, GroupView, Update},
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
        ServerConfig, StartCategoryScan, SyncResult, SyncUpdates, UpdateFragment, UpdateInfo,
    },
    soap,
};
use jiff::Timestamp;
use std::{collections::HashSet, net::IpAddr, sync::atomic::Ordering};

/// The plug-in that every machine knows.
const PLUG_IN: &str = "SimpleTargeting";
/// What is told of the service's own place.
const AUTHORIZATION_SERVICE: &str = "SimpleAuthWebService/SimpleAuth.asmx";
/// Updates of one answer.
const PAGE: usize = 200;
/// Entries of `InstalledNonLeafUpdateIDs`, as with native servers.
const INSTALLED: usize = 400;
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
    pub(super) async fn perform(
        &self,
        address: IpAddr,
        operation: &str,
        document: &[u8],
    ) -> Answered<String> {
        match operation {
            GetConfig::OPERATION => {
                let GetConfig { .. } = read(document)?;
                let last_change = self.agreed().last_change.clone();
                Ok(soap::answer::<GetConfig>(&configuration(last_change, self.options.revisions)))
            }
            GetAuthorizationCookie::OPERATION => {
                self.authorize(&read(document)?).map(|it| soap::answer::<GetAuthorizationCookie>(&it))
            }
            GetCookie::OPERATION => {
                self.cookie(&read(document)?).await.map(|it| soap::answer::<GetCookie>(&it))
            }
            RegisterComputer::OPERATION => {
                let registered = self.register(address, &read(document)?).await;
                registered.map(|it| soap::answer::<RegisterComputer>(&it))
            }
            StartCategoryScan::OPERATION => {
                self.category_scan(&read(document)?).map(|it| soap::answer::<StartCategoryScan>(&it))
            }
            SyncUpdates::OPERATION => self.sync(&read(document)?).await,
            RefreshCache::OPERATION => {
                self.refresh(&read(document)?).await.map(|it| soap::answer::<RefreshCache>(&it))
            }
            GetExtendedUpdateInfo::OPERATION => {
                self.extended(&read(document)?).await.map(|it| soap::answer::<GetExtendedUpdateInfo>(&it))
            }
            GetFileLocations::OPERATION => {
                self.locations(&read(document)?).await.map(|it| soap::answer::<GetFileLocations>(&it))
            }
            ReportEventBatch::OPERATION => {
                self.report(&read(document)?).await.map(|it| soap::answer::<ReportEventBatch>(&it))
            }
            _ => Err(wrong("the operation is not known")),
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

    async fn cookie(&self, request: &GetCookie) -> Answered<Cookie> {
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
        // What the machine knows is from the time of its old cookie, however long that is over.
        if let Some(old) = request.old_cookie.as_ref().filter(|old| !old.data.is_empty()) {
            self.open_any(old).await?;
        }
        if request.last_change != self.agreed().last_change
            && request.last_change != self.agree().await.map_err(failed)?.last_change
        {
            return Err(Fault::new(ErrorCode::ConfigChanged, ""));
        }
        Ok(self.new_cookie(ticket.machine, ticket.group, 0))
    }

    fn new_cookie(&self, machine: Uuid, group: String, deadlines: u64) -> Cookie {
        let ticket = Ticket { deadlines, ..self.ticket(machine, group, self.options.cookie_lifetime) };
        Cookie::new(ticket.expires, self.sealer.seal(Purpose::Client, &ticket))
    }

    fn ticket(&self, machine: Uuid, group: String, lifetime: std::time::Duration) -> Ticket {
        let expires = Timestamp::now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let revision = self.highest.load(Ordering::Relaxed);
        // Whole seconds are kept.
        let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        Ticket { machine, group, config: self.agreed().second, revision, deadlines: 0, expires }
    }

    /// What a cookie says, where it is good.
    async fn open(&self, cookie: &Cookie) -> Answered<Ticket> {
        let ticket = self.open_any(cookie).await?;
        if ticket.expires <= Timestamp::now() {
            return Err(Fault::new(ErrorCode::CookieExpired, ""));
        }
        // Another server may have another configuration, and so have changed the time.
        if ticket.config != self.agreed().second
            && ticket.config != self.agree().await.map_err(failed)?.second
        {
            return Err(Fault::new(ErrorCode::ConfigChanged, ""));
        }
        Ok(ticket)
    }

    /// What a cookie of this site's servers says, however old it is.
    async fn open_any(&self, cookie: &Cookie) -> Answered<Ticket> {
        let ticket = match self.sealer.open(Purpose::Client, &cookie.data) {
            Ok(ticket) => ticket,
            Err(NotTaken::Foreign) => return Err(Fault::new(ErrorCode::InvalidCookie, "")),
            Err(NotTaken::OtherServer) => return Err(Fault::new(ErrorCode::ServerChanged, "")),
        };
        // Another server may have given more ids than were known here: the database knows.
        if ticket.revision > self.highest.load(Ordering::Relaxed)
            && ticket.revision > self.read_highest().await.map_err(failed)?
        {
            return Err(Fault::new(ErrorCode::ServerChanged, ""));
        }
        Ok(ticket)
    }

    async fn register(&self, address: IpAddr, request: &RegisterComputer) -> Answered<Registered> {
        let ticket = self.open(&request.cookie).await?;
        let known = self.is_registered(ticket.machine).await?;
        if !known && !self.may_register(address).await? {
            return Err(Fault::new(ErrorCode::ServerBusy, "too many machines register"));
        }
        let registered =
            self.fleet.register(ticket.machine, &ticket.group, &request.computer, Timestamp::now()).await;
        registered.map_err(failed)?;
        self.remember(ticket.machine);
        Ok(Registered)
    }

    async fn registered(&self, cookie: &Cookie) -> Answered<Ticket> {
        let ticket = self.open(cookie).await?;
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
        if parameters.is_driver_pass || parameters.skip_software_sync {
            let new_cookie = self.renewed(&ticket, ticket.deadlines);
            return Ok(soap::answer::<SyncUpdates>(&SyncResult { new_cookie, ..SyncResult::default() }));
        }
        let installed: HashSet<i32> = parameters.installed_non_leaf.iter().copied().collect();
        let known: HashSet<i32> = parameters.other_cached.iter().chain(&installed).copied().collect();
        let newest = known.iter().max().copied().unwrap_or_default();
        // What another server has given out must not be called out of scope here.
        let state = self.state_with(|catalog| newest <= catalog.highest).await;
        let view = state.view(&ticket.group, self.options.rule);
        // An update comes when all of its categories are installed, and so in a round after them.
        let has_all = state.catalog.categories().iter().all(|category| installed.contains(category));
        let filter = &parameters.filter_categories;
        let wanted = filter.is_empty()
            || filter.iter().any(|category| *category == PRODUCT || state.catalog.knows_category(*category));
        let new = view.items.iter().filter(|item| !known.contains(&item.id));
        let mut new = new.filter(|item| item.is_category || (has_all && wanted));
        let page: Vec<&str> = new.by_ref().take(PAGE).map(|item| &*item.written).collect();
        let is_truncated = new.next().is_some();
        let (changed_updates, told) = changed(&view, &known, ticket.deadlines);
        let in_scope: HashSet<i32> = view.items.iter().map(|item| item.id).collect();
        let mut out_of_scope: Vec<i32> = known.into_iter().filter(|id| !in_scope.contains(id)).collect();
        out_of_scope.sort_unstable();
        let new_cookie = self.renewed(&ticket, told);
        let result =
            SyncResult { out_of_scope, changed_updates, is_truncated, new_cookie, ..SyncResult::default() };
        Ok(soap::answer_written::<SyncUpdates>(|writer| result.write_with(writer, page.into_iter())))
    }

    /// Another cookie, once half of the time of this one is over, or where the machine was told of deadlines.
    fn renewed(&self, ticket: &Ticket, deadlines: u64) -> Option<Cookie> {
        let left = ticket.expires.duration_since(Timestamp::now()).unsigned_abs();
        (left < self.options.cookie_lifetime / 2 || deadlines != ticket.deadlines)
            .then(|| self.new_cookie(ticket.machine, ticket.group.clone(), deadlines))
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

    async fn extended(&self, request: &GetExtendedUpdateInfo) -> Answered<ExtendedInfo> {
        let ticket = self.open(&request.cookie).await?;
        at_most(&request.revisions, self.options.revisions, "revisionIDs")?;
        let has = |catalog: &Catalog| request.revisions.iter().all(|id| catalog.update(*id).is_some());
        let state = self.state_with(has).await;
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

    async fn locations(&self, request: &GetFileLocations) -> Answered<FileLocations> {
        self.open(&request.cookie).await?;
        at_most(&request.digests, ITEMS, "fileDigests")?;
        let has =
            |catalog: &Catalog| request.digests.iter().all(|digest| catalog.location(*digest).is_some());
        let state = self.state_with(has).await;
        let locate = |digest: &Sha1| state.catalog.location(*digest);
        Ok(FileLocations { locations: request.digests.iter().filter_map(locate).collect(), new_cookie: None })
    }

    async fn refresh(&self, request: &RefreshCache) -> Answered<RefreshedCache> {
        let ticket = self.open(&request.cookie).await?;
        at_most(&request.updates, ITEMS, "globalIDs")?;
        let has = |catalog: &Catalog| request.updates.iter().all(|it| catalog.by_identity(*it).is_some());
        let state = self.state_with(has).await;
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
        Ok(Reported(self.ledger.told(ticket.machine, &request.events, Timestamp::now())))
    }
}

/// What a server says about itself, since this time of change.
pub(super) fn configuration(last_change: String, revisions: usize) -> ServerConfig {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ServerConfig {
        last_change,
        is_registration_required: true,
        plug_ins: vec![AuthPlugIn {
            id: PLUG_IN.to_owned(),
            service_url: AUTHORIZATION_SERVICE.to_owned(),
            parameter: String::new(),
        }],
        allowed_events: Vec::new(),
        // Native machines fail without these.
        properties: vec![
            property("MaxExtendedUpdatesPerRequest", &revisions.to_string()),
            property("PackageServerShare", ""),
            property("ProtocolVersion", "3.2"),
            property("IsInventoryRequired", "0"),
            property("ClientReportingLevel", "2"),
        ],
    }
}

/// What a machine has cached and gets under other deadlines than it was told of, and what it is told of then.
///
/// Which deadline has changed is not known: once one has, all that is cached is told again. A machine that
/// keeps nothing is told of all deadlines with the updates themselves, and costs nothing here.
fn changed(view: &GroupView, known: &HashSet<i32>, told: u64) -> (Vec<UpdateInfo>, u64) {
    let cached = view.items.iter().filter(|item| known.contains(&item.id));
    let cached = cached.filter_map(|item| Some((item.id, item.deployment.clone()?)));
    let info = |(id, deployment)| UpdateInfo { id, deployment: Some(deployment), is_leaf: true, xml: None };
    let cached: Vec<UpdateInfo> =
        if told == view.deadlines { Vec::new() } else { cached.map(info).collect() };
    let told = if cached.is_empty() { told } else { view.deadlines };
    (cached, told)
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
