"""Audits, a file each: experiments on the default pipeline that a sceptic would ask for.

A file has ``Options``, ``size(options, learnt) -> Size`` (what it trains) and ``audit(bench, options) -> Audit``; see
regmix/ablations/audit.py.
"""
