"""What is done to the deployment, a row a file: `async def observe(bench) -> facts`."""

from harness.audit.experiments import authentication as authentication
from harness.audit.experiments import configuration as configuration
from harness.audit.experiments import cors as cors
from harness.audit.experiments import database as database
from harness.audit.experiments import health as health
from harness.audit.experiments import limits as limits
from harness.audit.experiments import logging as logging
from harness.audit.experiments import migrations as migrations
from harness.audit.experiments import monitoring as monitoring
from harness.audit.experiments import server as server
from harness.audit.experiments import testing as testing
