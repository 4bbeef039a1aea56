package dev.switchboard.telephony.fake;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;

/** Reads a document as strictly as the provider does: what it does not know, or does not allow there, is an error. */
final class Twiml {
    private static final Set<String> VERBS =
            Set.of("Dial", "Enqueue", "Hangup", "Reject", "Say", "Play", "Pause", "Redirect", "Start", "Gather");
    private static final int MOST_DIALLED = 10;

    private Twiml() {}

    /** An element with its attributes, its text and what is in it. */
    record Verb(String name, Map<String, String> attributes, String text, List<Verb> nouns) {
        Optional<String> attribute(String name) {
            return Optional.ofNullable(attributes.get(name));
        }

        boolean flag(String name, boolean otherwise) {
            return attribute(name).map(Boolean::parseBoolean).orElse(otherwise);
        }
    }

    /** @throws IllegalArgumentException where it is no document that the provider carries out */
    static List<Verb> parse(String document) {
        Element root;
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            root = factory.newDocumentBuilder()
                    .parse(new InputSource(new StringReader(document)))
                    .getDocumentElement();
        } catch (Exception malformed) {
            throw new IllegalArgumentException("no XML: " + document, malformed);
        }
        if (!root.getTagName().equals("Response")) {
            throw new IllegalArgumentException("not a Response: " + root.getTagName());
        }
        List<Verb> verbs = children(root);
        for (Verb verb : verbs) {
            if (!VERBS.contains(verb.name())) {
                throw new IllegalArgumentException("unknown verb " + verb.name());
            }
            if (verb.name().equals("Dial") && verb.nouns().size() > MOST_DIALLED) {
                throw new IllegalArgumentException("more than " + MOST_DIALLED + " nouns in a Dial");
            }
        }
        return verbs;
    }

    private static List<Verb> children(Element of) {
        var verbs = new ArrayList<Verb>();
        for (Node node = of.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element) {
                var attributes = new HashMap<String, String>();
                for (int i = 0; i < element.getAttributes().getLength(); i++) {
                    Node attribute = element.getAttributes().item(i);
                    attributes.put(attribute.getNodeName(), attribute.getNodeValue());
                }
                verbs.add(new Verb(element.getTagName(), attributes, text(element), children(element)));
            }
        }
        return verbs;
    }

    /** Its own, without that of what is in it; of a Client, its Identity's. */
    private static String text(Element element) {
        var text = new StringBuilder();
        for (Node node = element.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeType() == Node.TEXT_NODE) {
                text.append(node.getNodeValue());
            }
        }
        return text.toString().strip();
    }
}
