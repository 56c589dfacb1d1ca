"""The load driver of the product: a Locust master, its workers, and below each of them one engine that sends.

    harness ──stdio──▶ master ──Locust's messages──▶ worker ──stdio──▶ engine ──▶ server
            ◀── sums ──       ◀── rows, in chunks ──        ◀── rows, in a spool

To the harness it is a driver like any other (see messages.py). The master divides the arrivals by epochs, keeps the
leases, collects the rows into one file, and fills in what a lost worker left open. Locust does membership and
transport, and shows the run: its statistics, web page and events get what the engines report.
"""
