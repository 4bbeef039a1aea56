package dev.switchboard.callcenter.demo;

import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Two organizations with their people, queues, numbers and customers; inserting them again changes nothing. */
public final class DemoData {
    /** Somebody to sign in as. */
    public record User(UUID id, String name, String email, String organization, UUID organizationId) {}

    record Person(UUID id, String name, String role, String extension) {}

    record Organization(
            int place,
            UUID id,
            String name,
            String slug,
            String timezone,
            String number,
            List<String> queues,
            List<Person> people) {
        List<Person> agents() {
            return people.stream()
                    .filter(person -> person.role().equals("agent"))
                    .toList();
        }

        UUID queue(int index) {
            return DemoData.id(place, 100 + index);
        }
    }

    /** Who calls. */
    record Customer(String number, String company) {}

    static final List<Customer> CUSTOMERS = List.of(
            new Customer("+14155550111", "Acme Tools"),
            new Customer("+14155550112", "Blue Fjord"),
            new Customer("+5511955550113", "Casa Verde"),
            new Customer("+14155550114", "Delta Freight"),
            new Customer("+442075550115", "Elm & Co"),
            new Customer("+493055550116", "Foxglove"),
            new Customer("+14155550117", "Gable Roofing"),
            new Customer("+5521955550118", "Horizonte"));

    static final List<Organization> ORGANIZATIONS = List.of(
            new Organization(
                    1,
                    id(1, 0),
                    "Northwind Support",
                    "northwind",
                    "America/New_York",
                    "+18005550100",
                    List.of("Support", "Billing"),
                    people(1, "Rhonda", "Doug", "Mina", "Ana", "Lars", "Yusuf", "Chen")),
            new Organization(
                    2,
                    id(2, 0),
                    "Harbor Clinic",
                    "harbor",
                    "America/Sao_Paulo",
                    "+5511355550200",
                    List.of("Reception"),
                    people(2, "Paulo", "Ines", "Tom", "Bea", "Kofi")));

    private DemoData() {}

    private static UUID id(int organization, int person) {
        return UUID.fromString("00000000-0000-4000-8000-0000000%d%04d".formatted(organization, person));
    }

    /** A supervisor and agents. */
    private static List<Person> people(int organization, String... names) {
        var people = new java.util.ArrayList<Person>();
        for (String name : names) {
            int place = people.size() + 1;
            people.add(new Person(
                    id(organization, place),
                    name,
                    place == 1 ? "supervisor" : "agent",
                    Integer.toString(organization * 100 + place)));
        }
        return List.copyOf(people);
    }

    /** The first of each organization. */
    public static List<User> users() {
        return ORGANIZATIONS.stream()
                .map(organization -> {
                    Person person = organization.people().getFirst();
                    String email = person.name().toLowerCase(Locale.ROOT) + "@" + organization.slug() + ".example";
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
                "insert into organizations (id, name, slug, timezone) values (?, ?, ?, ?) on conflict do nothing",
                organization.id(),
                organization.name(),
                organization.slug(),
                organization.timezone());
        for (int i = 0; i < organization.queues().size(); i++) {
            handle.execute(
                    "insert into queues (id, organization_id, name, wrap_up_s, max_wait_s) values (?, ?, ?, 12, 120) on conflict do nothing",
                    organization.queue(i),
                    organization.id(),
                    organization.queues().get(i));
        }
        handle.execute(
                "insert into phone_numbers (organization_id, e164, queue_id) values (?, ?, ?) on conflict do nothing",
                organization.id(),
                organization.number(),
                organization.queue(0));
        for (Customer customer : CUSTOMERS) {
            handle.execute(
                    "insert into contacts (organization_id, number, company_name) values (?, ?, ?) on conflict do nothing",
                    organization.id(),
                    customer.number(),
                    customer.company());
        }
        organization.people().forEach(person -> insert(handle, organization, person));
        for (String name : List.of("Win back lost customers", "Answer every e-mail")) {
            handle.execute(
                    "insert into streams (organization_id, name, owner, current_progress)"
                            + " select ?, ?, ?, '{\"percentage\": 0, \"completed\": 0, \"total\": 40}'"
                            + " where not exists (select from streams where organization_id = ? and name = ?)",
                    organization.id(),
                    name,
                    organization.people().getFirst().id(),
                    organization.id(),
                    name);
        }
    }

    private static void insert(Handle handle, Organization organization, Person person) {
        handle.execute(
                "insert into profiles (id, organization_id, display_name) values (?, ?, ?) on conflict do nothing",
                person.id(),
                organization.id(),
                person.name());
        handle.execute(
                "insert into user_roles (organization_id, user_id, role) values (?, ?, ?) on conflict do nothing",
                organization.id(),
                person.id(),
                person.role());
        handle.execute(
                "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                        + " values (?, ?, ?, ?, 'available', 'available', true) on conflict do nothing",
                organization.id(),
                person.id(),
                person.extension(),
                organization.slug() + "_" + person.extension());
        for (int i = 0; i < organization.queues().size(); i++) {
            if (person.role().equals("agent")) {
                handle.execute(
                        "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?) on conflict do nothing",
                        organization.id(),
                        organization.queue(i),
                        person.id());
            }
        }
    }
}
