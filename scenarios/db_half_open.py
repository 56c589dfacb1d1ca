"""Every packet to and from the database is lost, without a word: a failover, or a firewall that forgot its table.

Nothing is closed and nothing acknowledged, so cancelling a query waits as the query did, and opening a connection hangs
too. What TCP has under way after the lift comes late; who gave up in time does not wait.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-half-open",
    asks="Is every request and every probe answered in time when the packets to the database are lost?",
    finds=("F35", "F36", "F37", "F48"),
    requires=("postgres",),
    faults=(fault("postgres.half-open", for_s=8, outlasts_deadline=True),),
    ready="down",
)
