"""Medians over rounds, ratios between sides, the table and the JSON file."""

import json
import statistics

# Sums of counts, not figures to have a median of.
SUMS = ("histogram",)
# Of which the spread over the rounds is told, too.
SPREAD = ("rate", "p50_us", "p99_us")

COLUMNS = (("isolation", "isolation", "{}"), ("hot", "hot", "{}"), ("accounts", "accounts", "{}"),
           ("load", "load", "{}"), ("rows", "rows", "{}"), ("clients", "clients", "{}"),
           ("offered", "offered/s", "{:.0f}"),
           ("side", "side", "{}"), ("rate", "tx/s", "{:.0f}"),
           ("rate_spread", "± %", "{:.0f}"),
           ("refused_rate", "refused/s", "{:.0f}"), ("aborts_percent", "aborts %", "{:.2f}"),
           ("p50_us", "p50 µs", "{:.0f}"), ("p99_us", "p99 µs", "{:.0f}"), ("p999_us", "p99.9 µs", "{:.0f}"),
           ("stall_us", "stall µs", "{:.0f}"),
           ("rate_by_loop", "÷ loop", "{:.2f}"), ("rate_by_strong", "÷ strong", "{:.2f}"),
           ("rate_by_without", "÷ without", "{:.2f}"), ("rate_by_saga", "÷ saga", "{:.2f}"),
           ("rate_by_off", "÷ off", "{:.2f}"),
           ("rate_by_one", "÷ one", "{:.2f}"),
           ("rate_by_capacity", "÷ capacity", "{:.2f}"),
           ("p99_by_capacity", "p99 ÷ capacity", "{:.1f}"), ("p50_by_loop", "p50 ÷ loop", "{:.2f}"),
           ("ready_s", "ready s", "{:.2f}"), ("driven_s", "driven s", "{:.2f}"),
           ("trothd_cpu_us", "trothd", "{:.1f}"), ("participants_cpu_us", "participants", "{:.1f}"),
           ("databases_cpu_us", "databases", "{:.0f}"), ("journal_session_cpu_us", "journal's session", "{:.1f}"),
           ("generator_cpu_us", "clients", "{:.1f}"),
           ("wal_flushes", "flushes", "{:.2f}"), ("journal_flushes", "journal's", "{:.3f}"),
           ("wal_bytes", "WAL bytes", "{:.0f}"), ("trothd_calls", "trothd's calls", "{:.1f}"),
           ("trothd_switches", "switches", "{:.2f}"), ("trothd_rss_mib", "RSS MiB", "{:.0f}"),
           ("rss_most_mib", "most", "{:.0f}"), ("rss_mib_a_minute", "MiB/min", "{:.1f}"),
           ("rss_kib_a_million", "KiB/million", "{:.0f}"),
           ("open_most", "open", "{:.0f}"), ("prepared_most", "prepared", "{:.0f}"),
           ("connections_most", "connections", "{:.0f}"),
           ("open_bytes_each", "bytes/open", "{:.0f}"), ("drained_s", "drained s", "{:.2f}"),
           ("other_percent", "others' %", "{:.0f}"), ("rounds", "rounds", "{}"))


def medians(measured):
    """Of every figure over the rounds; histograms are added up."""
    keys = {key for figures in measured for key in figures}
    summary = {}
    for key in sorted(keys):
        values = [figures[key] for figures in measured if key in figures]
        if key in SUMS:
            summary[key] = add_histograms(values)
        elif all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            summary[key] = statistics.median(values)
    for key in SPREAD:
        values = [figures[key] for figures in measured if key in figures]
        if values and summary[key]:
            summary[f"{key}_least"], summary[f"{key}_most"] = min(values), max(values)
    if summary.get("rate"):
        summary["rate_spread"] = 50 * (summary["rate_most"] - summary["rate_least"]) / summary["rate"]
    if "stall_us" in keys:
        summary["stall_us"] = max(figures["stall_us"] for figures in measured)
    return summary


def add_histograms(histograms):
    total = {}
    for histogram in histograms:
        for value, count in histogram:
            total[value] = total.get(value, 0) + count
    return sorted(map(list, total.items()))


def summaries(case, results, others=("loop", "strong", "without", "saga", "off", "one", "capacity")):
    """results: (variant as pairs, clients) -> side -> the figures of each round. A row for each side."""
    for (variant, clients), of_sides in results.items():
        sides = {side: medians(rounds) for side, rounds in of_sides.items() if rounds}
        for side, figures in sides.items():
            row = {"case": case, **dict(variant), "clients": clients, "side": side,
                   "rounds": len(of_sides[side]), **figures}
            for other in others:
                if other in sides and other != side and figures.get("rate") and sides[other].get("rate"):
                    row[f"rate_by_{other}"] = figures["rate"] / sides[other]["rate"]
                    row[f"p50_by_{other}"] = figures["p50_us"] / sides[other]["p50_us"]
                    row[f"p99_by_{other}"] = figures["p99_us"] / sides[other]["p99_us"]
            yield row


def without_histogram(row):
    return {key: value for key, value in row.items() if key != "histogram"}


def table(rows, columns=COLUMNS):
    shown = [column for column in columns if any(row.get(column[0]) is not None for row in rows)]
    cells = [[title for _, title, _ in shown]]
    cells += [[form.format(row[key]) if row.get(key) is not None else "" for key, _, form in shown] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(shown))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def write_json(path, content):
    with open(path, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
