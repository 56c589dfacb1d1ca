"""The threads of one worker are used up, as by slow calls that somebody else's requests have begun.

Whatever needs a thread waits: a `def` endpoint, a file, a password's hash. What needs none has to go on, and who waits
for a thread needs a limit. A service whose requests need no thread shows nothing here, and that is said: so this is in
no suite.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-threads-full",
    asks="Is every request answered in time while the threads of one worker are used up, and does the rest go on?",
    finds=("F47",),
    faults=(fault("worker.threads", for_s=18, outlasts_deadline=True),),
    ready="any",
    min_workers=2,
)
