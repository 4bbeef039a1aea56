-- What each role may do is read by every policy (app.orgs_with); user_roles, the other table it reads, is published already.
alter publication switchboard_dependencies add table app.role_permissions;
