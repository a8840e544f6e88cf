//! What the peers have in common: their arguments, and the certificate of the `tls` mode.
