"""Who is trusted for what, decided once and from evidence outside of the tree that is built.

A tree says what is in its images. Who is talked to, who may write what others read, and what a gate lets through, it
says only where whoever builds trusts it: on a CI by the event and the commit, on a terminal by asking once. `docker
build` of a foreign repository is the measure: it gives away nothing of the machine.
"""
