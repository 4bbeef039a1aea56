package dev.switchboard.engine.postgres.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.switchboard.engine.model.Column;
import dev.switchboard.engine.model.Relation;
import dev.switchboard.engine.model.ReplicaIdentity;
import dev.switchboard.engine.model.Row;
import dev.switchboard.engine.model.TableName;
import dev.switchboard.engine.route.Audience;
import dev.switchboard.engine.route.Comparison;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SPEC A9: which policies are decided without PostgreSQL, and how. The whole of it against PostgreSQL is in PolicyDifferentialTest. */
class CompiledPolicyTest {
    private static final int UUID = 2950;
    private static final int TEXT = 25;
    private static final int INT4 = 23;
    private static final int BOOL = 16;
    private static final int TIMESTAMPTZ = 1184;
    private static final String ANN = "11111111-1111-4111-8111-111111111111";
    private static final String BOB = "22222222-2222-4222-8222-222222222222";

    private static final Map<String, ColumnKind> COLUMNS = Map.of(
            "owner", ColumnKind.of(UUID, Set.of(), true).orElseThrow(),
            "team", ColumnKind.of(TEXT, Set.of(), true).orElseThrow(),
            "amount", ColumnKind.of(INT4, Set.of(), true).orElseThrow(),
            "active", ColumnKind.of(BOOL, Set.of(), true).orElseThrow(),
            "due", ColumnKind.of(TIMESTAMPTZ, Set.of(), true).orElseThrow());

    private static final Map<String, ColumnKind> MEMBERS = Map.of(
            "person", ColumnKind.of(UUID, Set.of(), true).orElseThrow(),
            "owner", ColumnKind.of(UUID, Set.of(), true).orElseThrow(),
            "role", ColumnKind.of(TEXT, Set.of(), true).orElseThrow(),
            "since", ColumnKind.of(TIMESTAMPTZ, Set.of(), true).orElseThrow());

    private static final Map<String, ColumnKind> PERMISSIONS = Map.of(
            "role", ColumnKind.of(TEXT, Set.of(), true).orElseThrow(),
            "permission", ColumnKind.of(TEXT, Set.of(), true).orElseThrow());

    private static final String ORGS_WITH = """
            BEGIN ATOMIC
             SELECT COALESCE(array_agg(m.owner), '{}'::uuid[]) AS "coalesce"
                FROM (public.members m
                  JOIN app.permissions p ON ((p.role = m.role)))
               WHERE ((m.person = auth.uid()) AND (p.permission = orgs_with.permission));
            END""";

    private static final Relation RELATION = new Relation(
            1,
            new TableName("public", "orders"),
            ReplicaIdentity.FULL,
            List.of(
                    new Column("owner", UUID, true),
                    new Column("team", TEXT, false),
                    new Column("amount", INT4, false),
                    new Column("active", BOOL, false),
                    new Column("due", TIMESTAMPTZ, false)));

    private static final String UID = "RETURN (auth.jwt() ->> 'sub'::text)::uuid";
    private static final String JWT =
            "RETURN (COALESCE(NULLIF(current_setting('request.jwt.claims'::text, true), ''::text), '{}'::text))::jsonb";

    /** The functions of tokens, one more, and a table of members. */
    private static PolicyCatalog catalog(String body) {
        return new PolicyCatalog() {
            @Override
            public Optional<Function> function(String schema, String name, int arguments) {
                return switch (schema + "." + name + "/" + arguments) {
                    case "auth.uid/0" -> Optional.of(new Function(UID, false, List.of(), false, Optional.empty()));
                    case "auth.jwt/0" -> Optional.of(new Function(JWT, false, List.of(), false, Optional.empty()));
                    case "app.own/0" -> Optional.of(new Function(body, true, List.of(), false, Optional.empty()));
                    case "app.orgs_with/1" ->
                        Optional.of(
                                new Function(ORGS_WITH, false, List.of("permission"), false, Optional.of("postgres")));
                    default -> Optional.empty();
                };
            }

            @Override
            public boolean isImmutable(String name) {
                return Set.of("lower", "upper", "string_to_array", "jsonb_array_elements_text", "unnest", "starts_with")
                        .contains(name);
            }

            @Override
            public Table table(TableName name, Optional<String> reader) throws NotCompiledException {
                return switch (name.toString()) {
                    case "public.members" -> new Table(7, "members", MEMBERS, MEMBERS.keySet(), Optional.empty());
                    case "app.permissions" ->
                        new Table(8, "permissions", PERMISSIONS, PERMISSIONS.keySet(), Optional.empty());
                    default -> throw new NotCompiledException("table " + name + ", whose changes are not published");
                };
            }
        };
    }

    private static final PolicyCatalog AUTH = catalog("");

    private static boolean isOfClaims(String body) {
        try {
            CompiledPolicy policy = CompiledPolicy.compile("(owner = app.own())", COLUMNS, catalog(body));
            return policy.dependencies().isEmpty();
        } catch (NotCompiledException other) {
            return false;
        }
    }

    private static CompiledPolicy compiled(String expression) throws NotCompiledException {
        return CompiledPolicy.compile(expression, COLUMNS, AUTH);
    }

    private static Row row(@Nullable String... texts) {
        return Row.ofTexts(Arrays.<@Nullable String>stream(texts)
                .map(Optional::<String>ofNullable)
                .toList());
    }

    private static ClaimValues values(ClaimValues.Value... values) {
        return new ClaimValues(List.of(values));
    }

    private static ClaimValues.Value value(int type, @Nullable String text) {
        return ClaimValues.Value.of(type, Optional.ofNullable(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(owner = auth.uid())",
                "(owner = ( SELECT auth.uid() AS uid))",
                "(owner = ((auth.jwt() ->> 'sub'::text))::uuid)",
                "((owner)::text = ((auth.jwt() -> 'app'::text) ->> 'org'::text))",
                "(team = ANY (ARRAY['blue'::text, 'green'::text]))",
                "(team <> ALL (ARRAY['blue'::text, 'green'::text]))",
                "(owner = ANY (((ARRAY( SELECT jsonb_array_elements_text((auth.jwt() -> 'orgs'::text)) AS jsonb_array_elements_text)))::uuid[]))",
                "(owner = ((current_setting('request.jwt.claims'::text, true))::json ->> 'sub'::text)::uuid)",
                "((amount >= 10) AND (NOT active) AND (team IS NOT NULL))",
                "((owner = auth.uid()) OR active OR (due < '2026-06-01 00:00:00+00'::timestamp with time zone))",
                "((active IS TRUE) OR ((owner = auth.uid()) IS UNKNOWN))",
                "((auth.jwt() ->> 'role'::text) = 'admin'::text)",
                "true"
            })
    void A9_whatIsOfKnownFormIsCompiled(String expression) throws NotCompiledException {
        assertThat(compiled(expression)).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(owner = app.user())", // whose function nobody knows
                "(owner IN ( SELECT m.owner FROM members m))",
                "(EXISTS ( SELECT 1 FROM members m))",
                "(team > 'blue'::text)", // an order of a collation
                "(lower(team) = 'blue'::text)",
                "(amount = (random())::integer)",
                "(due < now())",
                "(due < 'now'::timestamp with time zone)",
                "(owner = (current_setting('app.user'::text))::uuid)",
                "(team = E'a\\nb'::text)",
                "(team = 'a\\b'::text)",
                "(team ~~ 'b%'::text)",
                "(team = 'x'::text COLLATE \"C\")",
                "(owner IS DISTINCT FROM auth.uid())",
                "(amount = amount)",
                "(price = 1.5)", // a column of another type
                "(team OPERATOR(public.=) 'x'::text)",
                "(owner = auth.uid()) -- and so on",
                "(owner = auth.uid()",
                "CASE WHEN active THEN true ELSE false END",
                "((amount + 1) = 2)",
                "(team)",
                ""
            })
    void A9_whatIsNotUnderstoodWhollyIsNotCompiled(String expression) {
        assertThatThrownBy(() -> compiled(expression)).isInstanceOf(NotCompiledException.class);
    }

    /** The expression goes to PostgreSQL as it stands, without the columns around it. */
    @Test
    void A9_valuesAreTheirOwnSource() throws NotCompiledException {
        CompiledPolicy policy =
                compiled("((owner = ( SELECT auth.uid() AS uid)) AND (team = ANY (ARRAY['a''b'::text, 'c'::text])))");

        assertThat(policy.values())
                .containsExactly(
                        new CompiledPolicy.ValueSource("( SELECT auth.uid() AS uid)", false),
                        new CompiledPolicy.ValueSource("ARRAY['a''b'::text, 'c'::text]", true));
    }

    @Test
    void A9_nullIsNeitherTrueNorFalse() throws NotCompiledException {
        CompiledPolicy mine = compiled("(owner = auth.uid())");
        CompiledPolicy others = compiled("(NOT (owner = auth.uid()))");
        ClaimValues ann = values(value(UUID, ANN));

        assertThat(mine.shows(RELATION, row(ANN, null, null, null, null), ann)).isTrue();
        assertThat(mine.shows(RELATION, row(BOB, null, null, null, null), ann)).isFalse();
        assertThat(others.shows(RELATION, row(BOB, null, null, null, null), ann))
                .isTrue();
        for (CompiledPolicy policy : List.of(mine, others)) {
            assertThat(policy.shows(RELATION, row(null, null, null, null, null), ann))
                    .isFalse();
            assertThat(policy.shows(RELATION, row(BOB, null, null, null, null), values(value(UUID, null))))
                    .isFalse();
        }
    }

    /** An element that is NULL may be equal: NOT ... ANY then hides. An empty array is certain. */
    @Test
    void A9_arraysHaveSqlsThreeValues() throws NotCompiledException {
        CompiledPolicy none = compiled(
                "(team <> ALL ((ARRAY( SELECT jsonb_array_elements_text((auth.jwt() -> 'teams'::text))))::text[]))");
        Row blue = row(null, "blue", null, null, null);

        assertThat(none.shows(RELATION, blue, values(array("red")))).isTrue();
        assertThat(none.shows(RELATION, blue, values(array("blue")))).isFalse();
        assertThat(none.shows(RELATION, blue, values(array("red", null)))).isFalse();
        assertThat(none.shows(RELATION, blue, values(array()))).isTrue();
        assertThat(none.shows(RELATION, row(null, null, null, null, null), values(array())))
                .isTrue();
        assertThat(none.shows(RELATION, blue, values(new ClaimValues.Value(TEXT, List.of(), true))))
                .isFalse();
    }

    private static ClaimValues.Value array(@Nullable String... texts) {
        return new ClaimValues.Value(
                TEXT,
                Arrays.<@Nullable String>stream(texts)
                        .map(Optional::<String>ofNullable)
                        .toList(),
                false);
    }

    @Test
    void A9_integersAndMomentsAreComparedByValue() throws NotCompiledException {
        CompiledPolicy policy =
                compiled("((amount >= 9) AND (due < '2026-06-01 00:00:00+00'::timestamp with time zone))");
        ClaimValues values = values(value(INT4, "9"), value(TIMESTAMPTZ, "2026-06-01 00:00:00+00"));

        assertThat(policy.shows(RELATION, row(null, null, "10", null, "2026-05-31 23:59:59.999999+00"), values))
                .isTrue();
        assertThat(policy.shows(RELATION, row(null, null, "8", null, "2026-05-31 23:59:59+00"), values))
                .isFalse();
        assertThat(policy.shows(RELATION, row(null, null, "10", null, "2026-06-01 00:00:00+00"), values))
                .isFalse();
    }

    /** A value of another type may be compared by another operator: PostgreSQL has to be asked. */
    @Test
    void A9_aValueOfAnotherTypeDoesNotFit() throws NotCompiledException {
        CompiledPolicy policy = compiled("(owner = auth.uid())");

        assertThat(policy.fits(values(value(UUID, ANN)))).isTrue();
        assertThat(policy.fits(values(value(UUID, null)))).isTrue();
        assertThat(policy.fits(values(value(TEXT, ANN)))).isFalse();
        assertThat(policy.fits(values())).isFalse();
    }

    @Test
    void A9_theAudienceIsWhatAllVisibleRowsHaveInCommon() throws NotCompiledException {
        ClaimValues ann = values(value(UUID, ANN));
        var own = new Audience.ByValue("owner", Set.of(Comparison.UUID.key(ANN)));

        assertThat(compiled("(owner = auth.uid())").audience(ann)).isEqualTo(own);
        assertThat(compiled("(owner = auth.uid())").audience(values(value(UUID, null))))
                .isEqualTo(new Audience.None());
        assertThat(compiled("((owner = auth.uid()) AND (amount > 3))")
                        .audience(values(value(UUID, ANN), value(INT4, "3"))))
                .isEqualTo(own);
        assertThat(compiled("((owner = auth.uid()) OR (amount > 3))")
                        .audience(values(value(UUID, ANN), value(INT4, "3"))))
                .isEqualTo(new Audience.Any());
        assertThat(compiled("((owner = auth.uid()) OR ((auth.jwt() ->> 'role'::text) = 'admin'::text))")
                        .audience(values(value(UUID, ANN), value(BOOL, "false"))))
                .isEqualTo(own);
        assertThat(compiled("((owner = auth.uid()) OR ((auth.jwt() ->> 'role'::text) = 'admin'::text))")
                        .audience(values(value(UUID, ANN), value(BOOL, "true"))))
                .isEqualTo(new Audience.Any());
        assertThat(compiled("(NOT (owner = auth.uid()))").audience(ann)).isEqualTo(new Audience.Any());
    }

    @Test
    void A9_aFunctionIsOfTheClaimsIfItsBodyIs() {
        assertThat(isOfClaims("RETURN ((auth.jwt() ->> 'sub'::text))::uuid")).isTrue();
        assertThat(isOfClaims("""
                        select
                          coalesce(
                            nullif(current_setting('request.jwt.claim.sub', true), ''),
                            (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
                          )::uuid
                        """)).isTrue();
        assertThat(isOfClaims("select id from users")).isFalse();
        assertThat(isOfClaims("select now()")).isFalse();
        assertThat(isOfClaims("select '2026-01-01'::date <= 'today'")).isFalse();
        assertThat(isOfClaims("select '2026' < 'today 12:00'")).isFalse();
        assertThat(isOfClaims("select 'today'::pg_catalog.date")).isFalse();
        assertThat(isOfClaims("select 'now'::app.moment")).isFalse();
        assertThat(isOfClaims("select '2026-01-01' < current_setting('request.jwt.claims')"))
                .isFalse();
        assertThat(isOfClaims("select upper(auth.uid())")).isFalse(); // whose upper?
        assertThat(isOfClaims("select pg_catalog.upper('a')")).isTrue();
        assertThat(isOfClaims("select \"coalesce\"(auth.uid())")).isFalse();
        assertThat(isOfClaims("select 1; delete from users")).isFalse();
        assertThat(isOfClaims("insert into seen values (1) returning 1")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(owner IN ( SELECT members.owner FROM public.members WHERE (members.person = auth.uid())))",
                "(NOT (owner IN ( SELECT m.owner FROM public.members m WHERE (m.person = ( SELECT auth.uid() AS uid)))))",
                "(owner = ANY (ARRAY( SELECT m.owner FROM public.members m WHERE (m.person = auth.uid()))))",
                "(owner = ANY ((( SELECT app.orgs_with('read'::text) AS orgs_with))::uuid[]))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.owner = orders.owner) AND (m.person = auth.uid()))))",
                "(EXISTS ( SELECT FROM (public.members m JOIN app.permissions p ON ((p.role = m.role)))"
                        + " WHERE ((orders.owner = m.owner) AND (m.person = auth.uid()) AND (p.permission = 'read'::text))))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE (m.person = auth.uid())))",
                "(owner IN ( SELECT max(m.owner) AS max FROM public.members m WHERE (m.person = auth.uid())))"
            })
    void A11_setsOfOtherTablesAreCompiled(String expression) throws NotCompiledException {
        CompiledPolicy policy = compiled(expression);

        Dependency members = policy.dependencies().stream()
                .filter(dependency -> dependency.table() == 7)
                .findFirst()
                .orElseThrow();
        Dependency.Key key = members.key().orElseThrow();
        assertThat(key.column()).isEqualTo("person");
        assertThat(policy.values().get(key.value()).sql())
                .contains("auth.uid()")
                .doesNotContain("members");
        assertThat(policy.dependencies().stream()
                        .filter(dependency -> dependency.table() == 8)
                        .flatMap(dependency -> dependency.key().stream().map(Dependency.Key::column)))
                .allMatch("permission"::equals);
    }

    @Test
    void A11_existsIsTheSetOfWhatItComparesWith() throws NotCompiledException {
        CompiledPolicy policy = compiled("(EXISTS ( SELECT 1 FROM public.members m"
                + " WHERE ((m.owner = orders.owner) AND (m.person = auth.uid()) AND (m.role = 'x'::text))))");

        assertThat(policy.values().stream().map(CompiledPolicy.ValueSource::sql))
                .containsExactly(
                        "auth.uid()",
                        "ARRAY( SELECT m.owner FROM public.members m WHERE (m.person = auth.uid()) AND (m.role = 'x'::text))");
        ClaimValues values = values(
                value(UUID, ANN), new ClaimValues.Value(UUID, List.of(Optional.of(BOB), Optional.empty()), false));
        assertThat(policy.shows(RELATION, row(BOB, "x", "1", "t", null), values))
                .isTrue();
        assertThat(policy.shows(RELATION, row(ANN, "x", "1", "t", null), values))
                .isFalse();
        assertThat(compiled("(NOT " + "(EXISTS ( SELECT 1 FROM public.members m WHERE (m.owner = orders.owner))))")
                        .shows(
                                RELATION,
                                row(null, "x", "1", "t", null),
                                values(new ClaimValues.Value(UUID, List.of(Optional.empty()), false))))
                .as("no row is equal to NULL")
                .isTrue();
    }

    @Test
    void A11_existsOverTwoComparisonsIsTheSetOfBothTogether() throws NotCompiledException {
        CompiledPolicy policy = compiled("(EXISTS ( SELECT 1 FROM public.members m"
                + " WHERE ((m.owner = orders.owner) AND (m.person = auth.uid()) AND (orders.team = m.role))))");

        assertThat(policy.values().stream().map(CompiledPolicy.ValueSource::sql))
                .containsExactly(
                        "auth.uid()",
                        "ARRAY( SELECT ARRAY[(m.owner)::text, (m.role)::text] FROM public.members m WHERE (m.person = auth.uid()))");
        ClaimValues values = values(
                value(UUID, ANN),
                new ClaimValues.Value(
                        TEXT,
                        List.of(
                                Optional.of(ANN),
                                Optional.of("red"),
                                Optional.of(BOB),
                                Optional.of("blue"),
                                Optional.of(BOB),
                                Optional.empty()),
                        false));
        assertThat(policy.shows(RELATION, row(BOB, "blue", "1", "t", null), values))
                .isTrue();
        assertThat(policy.shows(RELATION, row(BOB, "red", "1", "t", null), values))
                .as("each is somewhere, but not together")
                .isFalse();
        assertThat(policy.shows(RELATION, row(BOB, null, "1", "t", null), values))
                .as("NULL is equal to nothing")
                .isFalse();
        assertThat(policy.audience(values))
                .isEqualTo(new Audience.ByValue("owner", Set.of(Comparison.UUID.key(ANN), Comparison.UUID.key(BOB))));
    }

    @Test
    void A11_whomARowOfAnotherTableConcernsIsKnown() throws NotCompiledException {
        CompiledPolicy policy =
                compiled("(owner IN ( SELECT members.owner FROM public.members WHERE (members.person = auth.uid())))");
        ClaimValues values = values(value(UUID, ANN), new ClaimValues.Value(UUID, List.of(), false));

        assertThat(policy.concerned(policy.dependencies().getFirst(), values))
                .contains(Set.of(Comparison.UUID.key(ANN)));
        assertThat(policy.concerned(
                        policy.dependencies().getFirst(),
                        values(value(TEXT, ANN), new ClaimValues.Value(UUID, List.of(), false))))
                .as("compared as something else: all of its rows")
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(owner IN ( SELECT s.owner FROM public.secrets s))", // not heard of
                "(owner IN ( SELECT m.owner FROM members m))", // whose schema?
                "(owner IN ( SELECT m.owner FROM public.members m WHERE (m.since < now())))",
                "(owner IN ( SELECT m.owner FROM public.members m WHERE (m.team = orders.team)))",
                "(owner IN ( SELECT m.owner FROM public.members m LIMIT 1))",
                "(owner IN ( SELECT m.owner FROM public.members m ORDER BY m.owner))",
                "(owner IN ( SELECT m.owner FROM public.members m UNION SELECT auth.uid() AS uid))",
                "(owner IN ( SELECT sum(m.owner) AS sum FROM public.members m))",
                "(owner IN ( SELECT m.price FROM public.members m))", // of another type
                "(owner IN ( SELECT m.owner FROM (public.members m LEFT JOIN app.permissions p ON ((p.role = m.role)))))",
                "((owner, team) IN ( SELECT m.owner, m.role FROM public.members m))",
                "(owner = ( SELECT m.owner FROM public.members m WHERE (m.role = orders.team)))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.owner = orders.owner) AND (m.role <> orders.team))))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.owner = orders.owner) AND ((m.owner)::text = orders.active))))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE (m.owner <> orders.owner)))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.owner = orders.owner) OR (m.person = auth.uid()))))",
                "(owner = ANY (( SELECT app.orgs_with() AS orgs_with)))",
                "(EXISTS ( SELECT unnest(m.role) FROM public.members m WHERE (m.owner = orders.owner)))",
                "(EXISTS ( SELECT max(m.role) FROM public.members m WHERE (m.owner = orders.owner)))",
                "(owner IN ( SELECT m.owner FROM ONLY public.members m))",
                "(owner IN ( SELECT m.owner FROM public.members m, LATERAL random() r(r)))",
                "(owner IN ( SELECT m.owner FROM public.members m FOR UPDATE))"
            })
    void A11_whatIsNoSuchSetIsNotCompiled(String expression) {
        assertThatThrownBy(() -> compiled(expression)).isInstanceOf(NotCompiledException.class);
    }

    private static final PolicyCatalog.Table ORDERS =
            new PolicyCatalog.Table(9, "orders", COLUMNS, COLUMNS.keySet(), Optional.empty());

    private static CompiledPolicy analysed(String expression) throws NotCompiledException {
        return CompiledPolicy.analyse(expression, ORDERS, AUTH, "why");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(lower(team) = lower((auth.jwt() ->> 'team'::text)))",
                "(team ~~ 'b%'::text)",
                "((amount * 2) > (amount % 7))",
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.person = auth.uid()) AND (m.role >= orders.team))))",
                "(owner = ANY (app.orgs_with(team)))",
                "(( SELECT count(*) AS count FROM public.members m WHERE (m.owner = orders.owner)) > 1)"
            })
    void A12_whatHangsOnTheRowAndKnownTablesAloneIsRemembered(String expression) throws NotCompiledException {
        assertThatThrownBy(() -> compiled(expression)).isInstanceOf(NotCompiledException.class);

        assertThat(analysed(expression).decides()).isFalse();
        assertThat(analysed(expression).obstacle()).isEqualTo("why");
    }

    @Test
    void A12_whomARowOfAnotherTableConcernsIsKnownThereToo() throws NotCompiledException {
        CompiledPolicy policy = analysed(
                "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.person = auth.uid()) AND (m.role >= orders.team))))");

        assertThat(policy.dependencies())
                .singleElement()
                .satisfies(dependency ->
                        assertThat(dependency.key().orElseThrow().column()).isEqualTo("person"));
        assertThat(policy.values().stream().map(CompiledPolicy.ValueSource::sql))
                .containsExactly("auth.uid()");
        assertThat(analysed("(EXISTS ( SELECT 1 FROM public.members m WHERE (m.role >= orders.team)))")
                        .dependencies())
                .as("what hangs on the row is no key")
                .singleElement()
                .satisfies(dependency -> assertThat(dependency.key()).isEmpty());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(due < now())",
                "(due < CURRENT_TIMESTAMP)",
                "(team = current_setting('app.team'::text))",
                "(team = (random())::text)",
                "((team)::date = '2026-01-01'::date)", // 'today' is a date too
                "public.mine(orders.*)",
                "public.mine(team)",
                "(EXISTS ( SELECT 1 FROM public.secrets s WHERE (s.owner = orders.owner)))",
                "(team OPERATOR(public.=) 'x'::text)",
                "(price > 3)"
            })
    void A12_whatMayComeToSomethingElseIsNot(String expression) {
        assertThatThrownBy(() -> analysed(expression)).isInstanceOf(NotCompiledException.class);
    }

    @Test
    void A11_aTextThatIsReadAnewMayReadTablesAndCallNoFunctionOfOnes() {
        assertThat(isOfClaims("select exists (select from public.members m where m.person = auth.uid())"))
                .as("it hangs on a table")
                .isFalse();
        assertThatThrownBy(() -> CompiledPolicy.compile(
                        "(owner = app.own())", COLUMNS, catalog("select m.owner from public.members m")))
                .isInstanceOf(NotCompiledException.class)
                .hasMessageContaining("the first of some rows");
        assertThatThrownBy(() -> CompiledPolicy.compile(
                        "(owner = app.own())", COLUMNS, catalog("select (app.orgs_with('read'::text))::uuid")))
                .isInstanceOf(NotCompiledException.class);
    }
}
