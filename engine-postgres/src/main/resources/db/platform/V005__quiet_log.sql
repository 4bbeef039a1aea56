-- What a client does wrong is answered to the client. In PostgreSQL's log it would only let clients fill the disk; what is
-- PostgreSQL's own trouble (LOG, FATAL, PANIC) stays there.
alter role authenticator set log_min_messages = 'log';
