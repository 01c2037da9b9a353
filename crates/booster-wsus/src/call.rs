//! Which operations there are, and where.

use crate::{Read, Write};

/// One of a server's web services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Says who a machine is, and in which group.
    SimpleAuth,
    /// What there is for a machine.
    Client,
    /// What machines tell.
    Reporting,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::SimpleAuth, Self::Client, Self::Reporting];

    /// The namespace of its operations and of what is inside them.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::SimpleAuth => "http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService",
            Self::Client => "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService",
            Self::Reporting => "http://www.microsoft.com/SoftwareDistribution",
        }
    }

    /// Its path below the server's root, as it is to be sent.
    pub const fn path(self) -> &'static str {
        match self {
            Self::SimpleAuth => "SimpleAuthWebService/SimpleAuth.asmx",
            Self::Client => "ClientWebService/client.asmx",
            Self::Reporting => "ReportingWebService/ReportingWebService.asmx",
        }
    }

    /// The service of a path below the server's root; letter case does not count, and the specification's
    /// own name for the reporting service is known as well.
    pub fn at(path: &str) -> Option<Self> {
        if path.eq_ignore_ascii_case("ReportingWebService/WebService.asmx") {
            return Some(Self::Reporting);
        }
        Self::ALL.into_iter().find(|service| path.eq_ignore_ascii_case(service.path()))
    }
}

/// An operation, by its request.
pub trait Call: Read + Write {
    /// Its name: that of the request's element.
    const OPERATION: &'static str;
    /// The service that has it.
    const SERVICE: Service;
    /// What answers it.
    type Answer: Read + Write;

    /// The value of the header `SOAPAction`, without its quotes.
    fn action() -> String {
        format!("{}/{}", Self::SERVICE.namespace(), Self::OPERATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_paths_in_any_case() {
        for service in Service::ALL {
            assert_eq!(Service::at(service.path()), Some(service));
            assert_eq!(Service::at(&service.path().to_uppercase()), Some(service));
        }
        assert_eq!(Service::at("ReportingWebService/WebService.asmx"), Some(Service::Reporting));
        assert_eq!(Service::at("SelfUpdate/wuident.cab"), None);
    }
}
