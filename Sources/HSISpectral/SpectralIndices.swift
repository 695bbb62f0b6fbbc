import HSICore

/// The indices that are known by name, from the literature of vegetation, water, snow, fire, soils and minerals.
///
/// Wavelengths are those of the publications for narrow bands, and band centres of the instrument where an index was made for broad ones
/// (TM, MODIS, MSI, ASTER). A new one is one entry here.
public enum SpectralIndices {
  /// All of them, by name.
  public static let all = MethodRegistry("index", list) { $0.description }

  private static let list: [SpectralIndex] = entries.map { entry in
    do {
      return try SpectralIndex(
        entry.id, entry.name, domain: entry.domain, entry.formula, entry.reference, aliases: entry.aliases)
    } catch { preconditionFailure("\(entry.id): \(error)") }
  }

  private typealias Entry = (
    id: String, name: String, domain: String, formula: String, reference: String, aliases: [String]
  )

  private static let entries: [Entry] = greenness + pigments + redEdge + water + dryMatter + surfaces + minerals

  private static let greenness: [Entry] = [
    (
      "ndvi", "Normalised difference vegetation index", "greenness", "(b800-b670)/(b800+b670)",
      "Rouse, Haas, Schell and Deering, 3rd ERTS Symposium, NASA SP-351, 1974", []
    ),
    ("sr", "Simple ratio", "greenness", "b800/b670", "Jordan, Ecology 50, 1969", ["rvi"]),
    (
      "gndvi", "Green normalised difference vegetation index", "greenness", "(b800-b550)/(b800+b550)",
      "Gitelson, Kaufman and Merzlyak, Remote Sens. Environ. 58, 1996", []
    ),
    (
      "savi", "Soil-adjusted vegetation index, L = 0.5", "greenness", "1.5*(b800-b670)/(b800+b670+0.5)",
      "Huete, Remote Sens. Environ. 25, 1988", []
    ),
    (
      "osavi", "Optimised soil-adjusted vegetation index", "greenness", "(b800-b670)/(b800+b670+0.16)",
      "Rondeaux, Steven and Baret, Remote Sens. Environ. 55, 1996", []
    ),
    (
      "msavi", "Modified soil-adjusted vegetation index (MSAVI2)", "greenness",
      "(2*b800+1-sqrt((2*b800+1)^2-8*(b800-b670)))/2",
      "Qi, Chehbouni, Huete, Kerr and Sorooshian, Remote Sens. Environ. 48, 1994", ["msavi2"]
    ),
    (
      "evi", "Enhanced vegetation index", "greenness", "2.5*(b858-b645)/(b858+6*b645-7.5*b469+1)",
      "Huete et al., Remote Sens. Environ. 83, 2002", []
    ),
    (
      "evi2", "Enhanced vegetation index of two bands", "greenness", "2.5*(b858-b645)/(b858+2.4*b645+1)",
      "Jiang, Huete, Didan and Miura, Remote Sens. Environ. 112, 2008", []
    ),
    (
      "arvi", "Atmospherically resistant vegetation index, γ = 1", "greenness",
      "(b858-(2*b645-b469))/(b858+(2*b645-b469))", "Kaufman and Tanré, IEEE TGRS 30(2), 1992", []
    ),
    (
      "vari", "Visible atmospherically resistant index", "greenness", "(b550-b670)/(b550+b670-b470)",
      "Gitelson, Kaufman, Stark and Rundquist, Remote Sens. Environ. 80, 2002", []
    ),
    (
      "rdvi", "Renormalised difference vegetation index", "greenness", "(b800-b670)/sqrt(b800+b670)",
      "Roujean and Breon, Remote Sens. Environ. 51, 1995", []
    ),
    (
      "msr", "Modified simple ratio", "greenness", "(b800/b670-1)/sqrt(b800/b670+1)",
      "Chen, Canadian J. Remote Sens. 22, 1996", []
    ),
    (
      "wdrvi", "Wide dynamic range vegetation index, a = 0.1", "greenness", "(0.1*b800-b670)/(0.1*b800+b670)",
      "Gitelson, J. Plant Physiology 161, 2004", []
    ),
    (
      "tvi", "Triangular vegetation index", "greenness", "0.5*(120*(b750-b550)-200*(b670-b550))",
      "Broge and Leblanc, Remote Sens. Environ. 76, 2001", []
    ),
    (
      "mtvi1", "Modified triangular vegetation index 1", "greenness", "1.2*(1.2*(b800-b550)-2.5*(b670-b550))",
      "Haboudane, Miller, Pattey, Zarco-Tejada and Strachan, Remote Sens. Environ. 90, 2004", []
    ),
    (
      "mtvi2", "Modified triangular vegetation index 2", "greenness",
      "1.5*(1.2*(b800-b550)-2.5*(b670-b550))/sqrt((2*b800+1)^2-(6*b800-5*sqrt(b670))-0.5)",
      "Haboudane, Miller, Pattey, Zarco-Tejada and Strachan, Remote Sens. Environ. 90, 2004", []
    ),
  ]

  private static let pigments: [Entry] = [
    (
      "pri", "Photochemical reflectance index", "pigments", "(b531-b570)/(b531+b570)",
      "Gamon, Peñuelas and Field, Remote Sens. Environ. 41, 1992 (sign as in Gamon, Serrano and Surfus, Oecologia 112, 1997)",
      []
    ),
    (
      "mcari", "Modified chlorophyll absorption ratio index", "pigments",
      "((b700-b670)-0.2*(b700-b550))*(b700/b670)",
      "Daughtry, Walthall, Kim, de Colstoun and McMurtrey, Remote Sens. Environ. 74, 2000", []
    ),
    (
      "mcari1", "Modified chlorophyll absorption ratio index 1", "greenness",
      "1.2*(2.5*(b800-b670)-1.3*(b800-b550))",
      "Haboudane, Miller, Pattey, Zarco-Tejada and Strachan, Remote Sens. Environ. 90, 2004", []
    ),
    (
      "mcari2", "Modified chlorophyll absorption ratio index 2", "greenness",
      "1.5*(2.5*(b800-b670)-1.3*(b800-b550))/sqrt((2*b800+1)^2-(6*b800-5*sqrt(b670))-0.5)",
      "Haboudane, Miller, Pattey, Zarco-Tejada and Strachan, Remote Sens. Environ. 90, 2004", []
    ),
    (
      "tcari", "Transformed chlorophyll absorption ratio index", "pigments",
      "3*((b700-b670)-0.2*(b700-b550)*(b700/b670))",
      "Haboudane, Miller, Tremblay, Zarco-Tejada and Dextraze, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "tcari-osavi", "TCARI / OSAVI", "pigments",
      "3*((b700-b670)-0.2*(b700-b550)*(b700/b670))/(1.16*(b800-b670)/(b800+b670+0.16))",
      "Haboudane, Miller, Tremblay, Zarco-Tejada and Dextraze, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "cri1", "Carotenoid reflectance index 1", "pigments", "1/b510-1/b550",
      "Gitelson, Zur, Chivkunova and Merzlyak, Photochem. Photobiol. 75, 2002", ["cri550"]
    ),
    (
      "cri2", "Carotenoid reflectance index 2", "pigments", "1/b510-1/b700",
      "Gitelson, Zur, Chivkunova and Merzlyak, Photochem. Photobiol. 75, 2002", ["cri700"]
    ),
    (
      "ari1", "Anthocyanin reflectance index 1", "pigments", "1/b550-1/b700",
      "Gitelson, Merzlyak and Chivkunova, Photochem. Photobiol. 74, 2001", []
    ),
    (
      "ari2", "Anthocyanin reflectance index 2", "pigments", "b800*(1/b550-1/b700)",
      "Gitelson, Merzlyak and Chivkunova, Photochem. Photobiol. 74, 2001", []
    ),
    (
      "psri", "Plant senescence reflectance index", "pigments", "(b678-b500)/b750",
      "Merzlyak, Gitelson, Chivkunova and Rakitin, Physiologia Plantarum 106, 1999", []
    ),
    (
      "sipi", "Structure-insensitive pigment index", "pigments", "(b800-b445)/(b800-b680)",
      "Peñuelas, Baret and Filella, Photosynthetica 31, 1995", []
    ),
    (
      "rgri", "Red green ratio: mean of 600 to 699 nm over that of 500 to 599 nm, five bands each", "pigments",
      "(b610+b630+b650+b670+b690)/(b510+b530+b550+b570+b590)", "Gamon and Surfus, New Phytologist 143, 1999", []
    ),
    (
      "npci", "Normalised pigment chlorophyll index", "pigments", "(b680-b430)/(b680+b430)",
      "Peñuelas, Gamon, Fredeen, Merino and Field, Remote Sens. Environ. 48, 1994", []
    ),
    (
      "npqi", "Normalised phaeophytinisation index", "pigments", "(b415-b435)/(b415+b435)",
      "Barnes, Balaguer, Manrique, Elvira and Davison, Environ. Exp. Botany 32, 1992", []
    ),
    (
      "pssr-a", "Pigment-specific simple ratio, chlorophyll a", "pigments", "b800/b680",
      "Blackburn, Int. J. Remote Sens. 19, 1998", []
    ),
    (
      "pssr-b", "Pigment-specific simple ratio, chlorophyll b", "pigments", "b800/b635",
      "Blackburn, Int. J. Remote Sens. 19, 1998", []
    ),
    (
      "pssr-c", "Pigment-specific simple ratio, carotenoids", "pigments", "b800/b470",
      "Blackburn, Int. J. Remote Sens. 19, 1998", []
    ),
    (
      "ci-green", "Green chlorophyll index", "pigments", "b780/b550-1",
      "Gitelson, Gritz and Merzlyak, J. Plant Physiology 160, 2003", []
    ),
  ]

  private static let redEdge: [Entry] = [
    (
      "ndre", "Normalised difference red edge index", "red edge", "(b790-b720)/(b790+b720)",
      "Barnes et al., 5th Int. Conf. Precision Agriculture, 2000", []
    ),
    (
      "reip", "Red edge inflection point in nm, four bands", "red edge", "700+40*((b670+b780)/2-b700)/(b740-b700)",
      "Guyot and Baret, 4th Int. Coll. Spectral Signatures, ESA SP-287, 1988", []
    ),
    (
      "s2rep", "Red edge position in nm, bands of Sentinel-2", "red edge",
      "705+35*((b665+b783)/2-b705)/(b740-b705)",
      "Frampton, Dash, Watmough and Milton, ISPRS J. Photogramm. 82, 2013", []
    ),
    (
      "ndvi705", "Red edge normalised difference vegetation index", "red edge", "(b750-b705)/(b750+b705)",
      "Gitelson and Merzlyak, J. Plant Physiology 143, 1994", []
    ),
    (
      "mndvi705", "Modified red edge normalised difference vegetation index", "red edge",
      "(b750-b705)/(b750+b705-2*b445)", "Sims and Gamon, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "msr705", "Modified red edge simple ratio", "red edge", "(b750-b445)/(b705-b445)",
      "Sims and Gamon, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "vog1", "Vogelmann red edge index 1", "red edge", "b740/b720",
      "Vogelmann, Rock and Moss, Int. J. Remote Sens. 14, 1993", []
    ),
    (
      "vog2", "Vogelmann red edge index 2", "red edge", "(b734-b747)/(b715+b726)",
      "Vogelmann, Rock and Moss, Int. J. Remote Sens. 14, 1993", []
    ),
    (
      "mtci", "MERIS terrestrial chlorophyll index", "red edge", "(b753.75-b708.75)/(b708.75-b681.25)",
      "Dash and Curran, Int. J. Remote Sens. 25, 2004", []
    ),
    (
      "ci-rededge", "Red edge chlorophyll index", "red edge", "b780/b710-1",
      "Gitelson, Gritz and Merzlyak, J. Plant Physiology 160, 2003", []
    ),
    (
      "datt", "Datt's chlorophyll index", "red edge", "(b850-b710)/(b850-b680)",
      "Datt, J. Plant Physiology 154, 1999", []
    ),
  ]

  private static let water: [Entry] = [
    (
      "ndwi-gao", "Normalised difference water index of vegetation water", "water", "(b860-b1240)/(b860+b1240)",
      "Gao, Remote Sens. Environ. 58, 1996", []
    ),
    (
      "ndwi-mcfeeters", "Normalised difference water index of open water", "water", "(b560-b830)/(b560+b830)",
      "McFeeters, Int. J. Remote Sens. 17, 1996", []
    ),
    (
      "mndwi", "Modified normalised difference water index of open water", "water", "(b560-b1650)/(b560+b1650)",
      "Xu, Int. J. Remote Sens. 27, 2006", []
    ),
    (
      "wbi", "Water band index", "water", "b970/b900",
      "Peñuelas, Filella, Biel, Serrano and Savé, Int. J. Remote Sens. 14, 1993", []
    ),
    ("msi", "Moisture stress index", "water", "b1600/b820", "Hunt and Rock, Remote Sens. Environ. 30, 1989", []),
    (
      "ndii", "Normalised difference infrared index", "water", "(b820-b1650)/(b820+b1650)",
      "Hardisky, Klemas and Smart, Photogramm. Eng. Remote Sens. 49, 1983", ["ndmi"]
    ),
    (
      "nmdi", "Normalised multi-band drought index", "water", "(b860-(b1640-b2130))/(b860+(b1640-b2130))",
      "Wang and Qu, Geophys. Res. Letters 34, 2007", []
    ),
    (
      "dswi", "Disease water stress index", "water", "(b802+b547)/(b1657+b682)",
      "Apan, Held, Phinn and Markley, Int. J. Remote Sens. 25, 2004", []
    ),
    (
      "ndci", "Normalised difference chlorophyll index of water", "water", "(b708-b665)/(b708+b665)",
      "Mishra and Mishra, Remote Sens. Environ. 117, 2012", []
    ),
  ]

  private static let dryMatter: [Entry] = [
    (
      "ndni", "Normalised difference nitrogen index", "dry matter",
      "(log(1/b1510)-log(1/b1680))/(log(1/b1510)+log(1/b1680))",
      "Serrano, Peñuelas and Ustin, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "ndli", "Normalised difference lignin index", "dry matter",
      "(log(1/b1754)-log(1/b1680))/(log(1/b1754)+log(1/b1680))",
      "Serrano, Peñuelas and Ustin, Remote Sens. Environ. 81, 2002", []
    ),
    (
      "cai", "Cellulose absorption index", "dry matter", "0.5*(b2000+b2200)-b2100",
      "Daughtry, Agronomy J. 93, 2001; Nagler, Daughtry and Goward, Remote Sens. Environ. 71, 2000", []
    ),
    (
      "ndti", "Normalised difference tillage index", "dry matter", "(b1650-b2215)/(b1650+b2215)",
      "van Deventer, Ward, Gowda and Lyon, Photogramm. Eng. Remote Sens. 63, 1997", []
    ),
  ]

  private static let surfaces: [Entry] = [
    (
      "nbr", "Normalised burn ratio", "fire", "(b830-b2215)/(b830+b2215)",
      "López García and Caselles, Geocarto Int. 6, 1991; Key and Benson, USDA RMRS-GTR-164, 2006", []
    ),
    (
      "bai", "Burnt area index", "fire", "1/((0.1-b660)^2+(0.06-b830)^2)",
      "Chuvieco, Martín and Palacios, Int. J. Remote Sens. 23, 2002", []
    ),
    (
      "ndsi", "Normalised difference snow index", "snow", "(b560-b1650)/(b560+b1650)",
      "Hall, Riggs and Salomonson, Remote Sens. Environ. 54, 1995", []
    ),
    (
      "ndbi", "Normalised difference built-up index", "built-up", "(b1650-b830)/(b1650+b830)",
      "Zha, Gao and Ni, Int. J. Remote Sens. 24, 2003", []
    ),
  ]

  private static let minerals: [Entry] = [
    (
      "iron-oxide", "Iron oxide ratio", "minerals", "b660/b485",
      "Segal, 2nd Thematic Conf. Remote Sensing for Exploration Geology, 1982; Drury, Image Interpretation in Geology, 1987",
      []
    ),
    (
      "ferrous-iron", "Ferrous minerals ratio", "minerals", "b1650/b830",
      "Segal, 2nd Thematic Conf. Remote Sensing for Exploration Geology, 1982; Drury, Image Interpretation in Geology, 1987",
      []
    ),
    (
      "ferric-iron", "Ferric iron ratio, bands of ASTER", "minerals", "b661/b556",
      "Rowan and Mars, Remote Sens. Environ. 84, 2003", []
    ),
    (
      "clay", "Clay minerals ratio", "minerals", "b1650/b2215", "Drury, Image Interpretation in Geology, 1987", []
    ),
    (
      "carbonate", "Carbonate, chlorite and epidote, relative band depth of ASTER", "minerals",
      "(b2262+b2400)/b2336", "Rowan and Mars, Remote Sens. Environ. 84, 2003", []
    ),
    (
      "muscovite", "Muscovite, illite and smectite, relative band depth of ASTER", "minerals",
      "(b2167+b2262)/b2209", "Rowan and Mars, Remote Sens. Environ. 84, 2003", []
    ),
    (
      "alunite", "Alunite, kaolinite and pyrophyllite, relative band depth of ASTER", "minerals",
      "(b1656+b2209)/b2167", "Rowan and Mars, Remote Sens. Environ. 84, 2003", []
    ),
  ]
}
