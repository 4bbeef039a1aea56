package dev.switchboard.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** SPEC I2: operations make one list of another. */
class RowOperationsTest {
    private static final Pattern OPERATION = Pattern.compile(
            "\\{\"op\":\"(\\w+)\"(?:,\"at\":(\\d+))?(?:,\"from\":(\\d+),\"to\":(\\d+))?(?:,\"row\":(\\{[^}]*}))?}");

    private static final Pattern WORD = Pattern.compile("\\{\"w\":\"[^\"]*\"}");

    private static List<KeptRow> rows(String... words) {
        return List.of(words).stream().map(RowOperationsTest::row).toList();
    }

    /** A word is a key and a version: {@code a1}. */
    private static KeptRow row(String word) {
        return new KeptRow(word.substring(0, 1), "{\"w\":\"" + word + "\"}");
    }

    private static List<String> applied(List<KeptRow> before, String operations) {
        if (operations.startsWith("[{\"op\":\"reset\"")) {
            return WORD.matcher(operations)
                    .results()
                    .map(found -> found.group())
                    .toList();
        }
        var list = new ArrayList<>(before.stream().map(KeptRow::json).toList());
        Matcher next = OPERATION.matcher(operations);
        while (next.find()) {
            switch (next.group(1)) {
                case "insert" -> list.add(Integer.parseInt(next.group(2)), next.group(5));
                case "update" -> list.set(Integer.parseInt(next.group(2)), next.group(5));
                case "delete" -> list.remove(Integer.parseInt(next.group(2)));
                case "move" -> list.add(Integer.parseInt(next.group(4)), list.remove(Integer.parseInt(next.group(3))));
                default -> throw new AssertionError(next.group());
            }
        }
        return list;
    }

    @Test
    void I2_aRowThatMovesIsOneOperation() {
        assertThat(RowOperations.between(rows("a1", "b1", "c1", "d1"), rows("b1", "c1", "d1", "a1")))
                .isEqualTo("[{\"op\":\"move\",\"from\":0,\"to\":3}]");
        assertThat(RowOperations.between(rows("a1", "b1", "c1", "d1"), rows("d2", "a1", "b1", "c1")))
                .isEqualTo(
                        "[{\"op\":\"move\",\"from\":3,\"to\":0},{\"op\":\"update\",\"at\":0,\"row\":{\"w\":\"d2\"}}]");
        assertThat(RowOperations.between(rows("a1"), rows("a1"))).isEqualTo("[]");
        assertThat(RowOperations.reset(rows("a1", "b1")))
                .isEqualTo("[{\"op\":\"reset\",\"rows\":[{\"w\":\"a1\"},{\"w\":\"b1\"}]}]");
    }

    @Test
    void I2_operationsMakeOneListOfAnother() {
        long seed = Long.getLong("seed", System.nanoTime());
        System.out.println("RowOperationsTest: -Dseed=" + seed);
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            List<KeptRow> before = some(random);
            List<KeptRow> after = some(random);
            assertThat(applied(before, RowOperations.between(before, after)))
                    .as("%s to %s", before, after)
                    .isEqualTo(after.stream().map(KeptRow::json).toList());
        }
    }

    /** Where nearly all is otherwise, it is told as a whole. */
    @Test
    void I2_whatWouldBeMoreThanTheListIsTheList() {
        var before = new ArrayList<KeptRow>();
        for (int i = 0; i < 200; i++) {
            before.add(new KeptRow("k" + i, "{\"w\":\"k" + i + "\"}"));
        }
        var after = new ArrayList<>(before);
        Collections.shuffle(after, new Random(1));

        assertThat(RowOperations.between(before, after)).isEqualTo(RowOperations.reset(after));
        assertThat(applied(before, RowOperations.between(before, before.reversed())))
                .isEqualTo(before.reversed().stream().map(KeptRow::json).toList());
    }

    private static List<KeptRow> some(Random random) {
        var words = new ArrayList<String>();
        for (char key = 'a'; key < 'i'; key++) {
            if (random.nextInt(3) > 0) {
                words.add(key + "" + random.nextInt(2));
            }
        }
        if (random.nextBoolean()) {
            Collections.shuffle(words, random);
        }
        return rows(words.toArray(String[]::new));
    }
}
