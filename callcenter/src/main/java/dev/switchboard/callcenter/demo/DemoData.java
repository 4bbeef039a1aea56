package dev.switchboard.callcenter.demo;

import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Two organizations with their people; inserting them again changes nothing. */
public final class DemoData {
    /** Somebody to sign in as. */
    public record User(UUID id, String name, String email, String organization, UUID organizationId) {}

    private record Person(UUID id, String name, String role, String extension) {}

    private record Organization(UUID id, String name, String slug, List<Person> people) {}

    private static final List<Organization> ORGANIZATIONS = List.of(
            new Organization(
                    id(1, 0),
                    "Northwind Support",
                    "northwind",
                    List.of(
                            new Person(id(1, 1), "Rhonda", "supervisor", "101"),
                            new Person(id(1, 2), "Doug", "agent", "102"),
                            new Person(id(1, 3), "Mina", "agent", "103"))),
            new Organization(
                    id(2, 0),
                    "Harbor Clinic",
                    "harbor",
                    List.of(
                            new Person(id(2, 1), "Paulo", "supervisor", "201"),
                            new Person(id(2, 2), "Ines", "agent", "202"),
                            new Person(id(2, 3), "Tom", "agent", "203"))));

    private DemoData() {}

    private static UUID id(int organization, int person) {
        return UUID.fromString("00000000-0000-4000-8000-0000000%d%04d".formatted(organization, person));
    }

    /** The first of each organization. */
    public static List<User> users() {
        return ORGANIZATIONS.stream()
                .map(organization -> {
                    Person person = organization.people().getFirst();
                    String email =
                            person.name().toLowerCase(java.util.Locale.ROOT) + "@" + organization.slug() + ".example";
                    return new User(person.id(), person.name(), email, organization.name(), organization.id());
                })
                .toList();
    }

    /** Inserts what is missing, in one transaction. */
    public static void insert(Jdbi jdbi) {
        jdbi.useTransaction(handle -> ORGANIZATIONS.forEach(organization -> insert(handle, organization)));
    }

    private static void insert(Handle handle, Organization organization) {
        handle.execute(
                "insert into organizations (id, name, slug) values (?, ?, ?) on conflict do nothing",
                organization.id(),
                organization.name(),
                organization.slug());
        for (Person person : organization.people()) {
            handle.execute(
                    "insert into user_roles (organization_id, user_id, role) values (?, ?, ?) on conflict do nothing",
                    organization.id(),
                    person.id(),
                    person.role());
            handle.execute(
                    "insert into profiles (id, organization_id, display_name) values (?, ?, ?) on conflict do nothing",
                    person.id(),
                    organization.id(),
                    person.name());
            handle.execute(
                    "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, reachable)"
                            + " values (?, ?, ?, ?, 'available', true) on conflict do nothing",
                    organization.id(),
                    person.id(),
                    person.extension(),
                    organization.slug() + "_" + person.extension());
        }
    }

    static List<UUID> organizations() {
        return ORGANIZATIONS.stream().map(Organization::id).toList();
    }

    static List<UUID> agents(UUID organization) {
        return ORGANIZATIONS.stream()
                .filter(candidate -> candidate.id().equals(organization))
                .flatMap(candidate -> candidate.people().stream())
                .map(Person::id)
                .toList();
    }
}
