"""What must hold, a row a file: `CHECKS`, pure functions of the row's facts."""

from harness.audit.checks import authentication as authentication
from harness.audit.checks import configuration as configuration
from harness.audit.checks import cors as cors
from harness.audit.checks import database as database
from harness.audit.checks import health as health
from harness.audit.checks import limits as limits
from harness.audit.checks import logging as logging
from harness.audit.checks import migrations as migrations
from harness.audit.checks import monitoring as monitoring
from harness.audit.checks import server as server
from harness.audit.checks import testing as testing
