"""What the experiments saw: a frozen dataclass for each row, plain JSON values, no secret."""

from harness.audit.facts import authentication as authentication
from harness.audit.facts import configuration as configuration
from harness.audit.facts import cors as cors
from harness.audit.facts import database as database
from harness.audit.facts import health as health
from harness.audit.facts import limits as limits
from harness.audit.facts import logging as logging
from harness.audit.facts import migrations as migrations
from harness.audit.facts import monitoring as monitoring
from harness.audit.facts import server as server
from harness.audit.facts import testing as testing
