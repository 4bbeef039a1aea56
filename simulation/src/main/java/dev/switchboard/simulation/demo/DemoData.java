package dev.switchboard.simulation.demo;

import dev.switchboard.simulation.Centre;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** Two organizations with their people, queues, numbers and customers; inserting them again changes nothing. */
public final class DemoData {
    /** Somebody to sign in as. */
    public record User(UUID id, String name, String email, String role, String organization, UUID organizationId) {}

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

        /** Those whom the demo plays. */
        List<Person> robots() {
            return agents().stream()
                    .filter(person -> !HANDS_ON.contains(person.id()))
                    .toList();
        }

        /** Of a queue: the organization's first number, and those that follow it. */
        String number(int queue) {
            return number.substring(0, number.length() - 1) + queue;
        }

        UUID queue(int index) {
            return DemoData.id(place, 100 + index);
        }

        /** With those of its agents whom the demo plays. */
        Centre centre() {
            List<Integer> places = IntStream.range(0, queues.size()).boxed().toList();
            return new Centre(
                    id,
                    places.stream().map(this::queue).toList(),
                    places.stream().map(this::number).toList(),
                    robots().stream().map(Person::id).toList());
        }
    }

    /** Who calls. */
    record Customer(String number, String company) {}

    /** Of whom there are stories to tell; the others are made of words. */
    private static final List<Customer> REGULARS = List.of(
            new Customer("+14155550111", "Acme Tools"),
            new Customer("+14155550112", "Blue Fjord"),
            new Customer("+5511955550113", "Casa Verde"),
            new Customer("+14155550114", "Delta Freight"),
            new Customer("+442075550115", "Elm & Co"),
            new Customer("+493055550116", "Foxglove"),
            new Customer("+14155550117", "Gable Roofing"),
            new Customer("+5521955550118", "Horizonte"),
            new Customer("+14155550142", "Fernhill Bakery Co-op"),
            new Customer("+13125550177", "Odalys Brandt"),
            new Customer("+442079460318", "Quayside Hostel"),
            new Customer("+12065550119", "Saltmarrow Dental"),
            new Customer("+15035550186", "Marlon Ashby"),
            new Customer("+16465550133", "Renske Halloway"),
            new Customer("+19175550104", "Cedar & Finch Books"),
            new Customer("+14155550198", "Joaquim Terrell"),
            new Customer("+442079460540", "Northgate Allotments"),
            new Customer("+12065550151", "Mirabel Stroud"),
            new Customer("+13125550165", "Silvan Pruitt"),
            new Customer("+16465550108", "Bettina Rowe"),
            new Customer("+442079460861", "Orla Vantongeren"),
            new Customer("+15035550122", "Larch Street Garage"),
            new Customer("+14155550160", "Iris Calloway"),
            new Customer("+13125550171", "Tilda Moore"),
            new Customer("+442079460725", "Corin Maddow"),
            new Customer("+16465550139", "Delphine Osei"));

    private static final List<String> PLACES = List.of(
            "Harrow",
            "Millbrook",
            "Sandpiper",
            "Old Town",
            "Lakeside",
            "Ridgeway",
            "Juniper",
            "Marlow",
            "Copperfield",
            "Westgate");
    private static final List<String> TRADES = List.of(
            "Bakery",
            "Cycles",
            "Dental",
            "Florist",
            "Hardware",
            "Joinery",
            "Pharmacy",
            "Plumbing",
            "Printing",
            "Veterinary");
    private static final List<String> AREAS = List.of("305", "408", "512", "617", "702");

    static final List<Customer> CUSTOMERS = customers();

    static final List<Organization> ORGANIZATIONS = List.of(
            new Organization(
                    1,
                    id(1, 0),
                    "Northwind Support",
                    "northwind",
                    "America/New_York",
                    "+18005550100",
                    List.of("Support", "Billing", "Sales", "Onboarding", "Technical", "Português"),
                    people(
                            1,
                            "Rhonda",
                            "Doug",
                            "Mina",
                            "Ana",
                            "Lars",
                            "Yusuf",
                            "Chen",
                            "Noor",
                            "Teodor",
                            "Wren",
                            "Caio",
                            "Sanne",
                            "Jabari",
                            "Amara",
                            "Yuki",
                            "Priya",
                            "Beatriz",
                            "Hamish",
                            "Kenji",
                            "Farida",
                            "Elif",
                            "Marisol",
                            "Tomas",
                            "Lindiwe",
                            "Otto",
                            "Greta",
                            "Ingrid",
                            "Dmitri",
                            "Olga:admin")),
            new Organization(
                    2,
                    id(2, 0),
                    "Harbor Clinic",
                    "harbor",
                    "America/Sao_Paulo",
                    "+5511355550200",
                    List.of("Reception"),
                    people(2, "Paulo", "Ines", "Tom", "Bea", "Kofi")));

    /** Whom the demo's traffic leaves alone, for whoever signs in as them. */
    static final Set<UUID> HANDS_ON = Set.of(id(1, 2));

    private static final Map<String, String> COMPANIES =
            CUSTOMERS.stream().collect(Collectors.toUnmodifiableMap(Customer::number, Customer::company));

    private DemoData() {}

    private static List<Customer> customers() {
        var all = new ArrayList<>(REGULARS);
        for (int i = 0; i < PLACES.size() * TRADES.size(); i++) {
            String trade = TRADES.get((i + i / PLACES.size()) % TRADES.size());
            all.add(new Customer(
                    "+1%s55501%02d".formatted(AREAS.get(i % AREAS.size()), i / AREAS.size()),
                    PLACES.get(i % PLACES.size()) + " " + trade));
        }
        return List.copyOf(all);
    }

    /** Whose number it is, as somebody would say it. */
    static String company(String number) {
        return COMPANIES.getOrDefault(number, number);
    }

    private static UUID id(int organization, int person) {
        return UUID.fromString("00000000-0000-4000-8000-0000000%d%04d".formatted(organization, person));
    }

    /** A supervisor and agents, unless a name carries another role. */
    private static List<Person> people(int organization, String... names) {
        var people = new ArrayList<Person>();
        for (String name : names) {
            int place = people.size() + 1;
            String[] parts = name.split(":", 2);
            String role = parts.length > 1 ? parts[1] : place == 1 ? "supervisor" : "agent";
            people.add(
                    new Person(id(organization, place), parts[0], role, Integer.toString(organization * 100 + place)));
        }
        return List.copyOf(people);
    }

    /** A supervisor of each organization, and of the first an agent and an admin. */
    public static List<User> users() {
        return ORGANIZATIONS.stream()
                .flatMap(organization -> organization.people().stream()
                        .filter(person -> person.role().equals("supervisor")
                                || person.role().equals("admin")
                                || HANDS_ON.contains(person.id()))
                        .map(person -> user(organization, person)))
                .toList();
    }

    private static User user(Organization organization, Person person) {
        String email = person.name().toLowerCase(Locale.ROOT) + "@" + organization.slug() + ".example";
        return new User(person.id(), person.name(), email, person.role(), organization.name(), organization.id());
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
                    "insert into queues (id, organization_id, name, strategy, wrap_up_s, max_wait_s, missed_limit) values (?, ?, ?, ?, 12, 120, 0) on conflict do nothing",
                    organization.queue(i),
                    organization.id(),
                    organization.queues().get(i),
                    i == 0 ? "ring_all" : "longest_idle");
        }
        for (int i = 0; i < organization.queues().size(); i++) {
            handle.execute(
                    "insert into phone_numbers (organization_id, e164, queue_id) values (?, ?, ?) on conflict do nothing",
                    organization.id(),
                    organization.number(i),
                    organization.queue(i));
        }
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

    /** The first agents answer in every queue, the others in two neighbouring ones. */
    private static boolean answers(Person person, int queue, int queues) {
        int place = Integer.parseInt(person.extension()) % 100;
        return place <= 7 || place % queues == queue || (place + 1) % queues == queue;
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
        // supervisors and admins watch, and who is left to visitors begins when they sign in
        String start = person.role().equals("agent") && !HANDS_ON.contains(person.id()) ? "available" : "offline";
        handle.execute(
                "insert into voip_users (organization_id, user_id, extension, client_identity, work_state, chosen_state, reachable)"
                        + " values (?, ?, ?, ?, ?, ?, true) on conflict do nothing",
                organization.id(),
                person.id(),
                person.extension(),
                organization.slug() + "_" + person.extension(),
                start,
                start);
        for (int i = 0; i < organization.queues().size(); i++) {
            if (person.role().equals("agent")
                    && answers(person, i, organization.queues().size())) {
                handle.execute(
                        "insert into queue_members (organization_id, queue_id, user_id) values (?, ?, ?) on conflict do nothing",
                        organization.id(),
                        organization.queue(i),
                        person.id());
            }
        }
    }
}
