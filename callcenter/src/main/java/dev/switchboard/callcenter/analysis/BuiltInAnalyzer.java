package dev.switchboard.callcenter.analysis;

import dev.switchboard.callcenter.analysis.Conversation.Speaker;
import dev.switchboard.callcenter.analysis.Conversation.Utterance;
import dev.switchboard.engine.protocol.Json;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Counts and looks words up, in English and Portuguese, without asking anybody: who talked how much, pauses and interruptions as far
 * as beginnings tell, what was talked about, and how the customer's words sound. It understands nothing, and each
 * of its answers says so ({@code method}). It gives no score.
 */
public final class BuiltInAnalyzer implements CallAnalyzer {
    /** Nobody said when an utterance ended: it is taken to last as long as people need for its words. */
    static final double WORDS_PER_SECOND = 2.5;
    /** A pause is silence from here on. */
    static final long SILENCE_MILLIS = 3_000;

    private static final int MOST_KEYWORDS = 8;
    private static final int SHORTEST_KEYWORD = 4;
    private static final Pattern WORD = Pattern.compile("[\\p{L}][\\p{L}'’-]*");

    @Override
    public List<String> steps() {
        return List.of("talk", "keywords", "sentiment");
    }

    @Override
    public Json.Fields analyze(String step, Conversation conversation) {
        return switch (step) {
            case "talk" -> talk(conversation);
            case "keywords" -> keywords(conversation);
            case "sentiment" -> sentiment(conversation);
            default -> throw new IllegalArgumentException("no such step: " + step);
        };
    }

    static List<String> words(String text) {
        return WORD.matcher(text.toLowerCase(Locale.ROOT))
                .results()
                .map(match -> match.group().replace('’', '\''))
                .toList();
    }

    private static long millis(Utterance utterance) {
        return Math.round(words(utterance.text()).size() / WORDS_PER_SECOND * 1_000);
    }

    private static Json.Fields talk(Conversation conversation) {
        long agent = 0;
        long customer = 0;
        long silence = 0;
        int interruptions = 0;
        List<Utterance> said = conversation.utterances();
        for (int i = 0; i < said.size(); i++) {
            Utterance one = said.get(i);
            long lasts = millis(one);
            if (one.speaker() == Speaker.AGENT) {
                agent += lasts;
            } else {
                customer += lasts;
            }
            if (i + 1 < said.size()) {
                long gap = said.get(i + 1).startMillis() - (one.startMillis() + lasts);
                silence += gap >= SILENCE_MILLIS ? gap : 0;
                interruptions += gap < 0 && said.get(i + 1).speaker() != one.speaker() ? 1 : 0;
            }
        }
        var found = new LinkedHashMap<String, Json>();
        if (agent + customer > 0) {
            found.put("agent_share", ratio(agent, agent + customer));
        }
        found.put("agent_s", seconds(agent));
        found.put("customer_s", seconds(customer));
        found.put("silence_s", seconds(silence));
        found.put("interruptions", new Json.Literal(Integer.toString(interruptions)));
        found.put("method", new Json.Text("estimated from the beginnings and lengths of what was said"));
        return new Json.Fields(found);
    }

    private static Json.Fields keywords(Conversation conversation) {
        Lexicon lexicon = Lexicon.of(conversation.language());
        Map<String, Integer> counts = new HashMap<>();
        conversation.utterances().stream()
                .flatMap(one -> words(one.text()).stream())
                .filter(word ->
                        word.length() >= SHORTEST_KEYWORD && !lexicon.empty().contains(word))
                .forEach(word -> counts.merge(word, 1, Integer::sum));
        List<Json> keywords = counts.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue(Comparator.reverseOrder())
                        .thenComparing(Map.Entry.comparingByKey()))
                .limit(MOST_KEYWORDS)
                .map(entry -> (Json) new Json.Text(entry.getKey()))
                .toList();
        return new Json.Fields(Map.of(
                "keywords", new Json.Items(keywords), "method", new Json.Text("the words that came most often")));
    }

    /** Of what the customer said alone; nothing where no word of it says how they feel. */
    private static Json.Fields sentiment(Conversation conversation) {
        Lexicon lexicon = Lexicon.of(conversation.language());
        int good = 0;
        int bad = 0;
        for (Utterance one : conversation.utterances()) {
            if (one.speaker() != Speaker.CUSTOMER) {
                continue;
            }
            var before = new ArrayList<String>();
            for (String word : words(one.text())) {
                boolean turned = !before.isEmpty() && lexicon.negations().contains(before.getLast());
                boolean isGood = lexicon.good().contains(word);
                boolean isBad = lexicon.bad().contains(word);
                good += (isGood && !turned) || (isBad && turned) ? 1 : 0;
                bad += (isBad && !turned) || (isGood && turned) ? 1 : 0;
                before.add(word);
            }
        }
        var found = new LinkedHashMap<String, Json>();
        if (good + bad > 0) {
            found.put("sentiment", ratio(good - bad, good + bad));
        }
        found.put("words", new Json.Literal(Integer.toString(good + bad)));
        found.put("method", new Json.Text("good and bad words of the customer, by a small lexicon; irony escapes it"));
        return new Json.Fields(found);
    }

    private static Json ratio(long part, long whole) {
        return new Json.Literal(String.format(Locale.ROOT, "%.3f", (double) part / whole));
    }

    private static Json seconds(long millis) {
        return new Json.Literal(String.format(Locale.ROOT, "%.1f", millis / 1_000.0));
    }
}
