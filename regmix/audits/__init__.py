"""Audits, one file each: experiments on the default pipeline that a sceptic would ask for.

A file has ``Options``, ``audit(bench, options) -> Audit``, and ``size(options, learnt, domains) -> Size``, what it
trains; see regmix/ablations/audit.py and bench.py.
"""
